//! `/types`: what kinds of objects there are, and what each declares; administrators declare more.

use std::collections::BTreeMap;

use actix_web::{delete, get, post, put, web};
use cartulary_model::{
    BaseType, Cardinality, ContentRule, Pattern, PropertyDefinition, PropertyKind, ResolvedType, TypeDefinition,
    Updatability, VersioningRule,
};
use cartulary_repository::{Catalogue, RepositoryError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::life_cycle::LifeCycleForm;
use crate::routes::versioning::VersioningRuleForm;

/// All types and facets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeList {
    /// Ordered by id.
    items: Vec<TypeView>,
}

/// A type or facet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeView {
    /// Its id.
    id: String,
    /// The type it inherits from.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// The base type: `document`, `folder`, `relationship`, `policy`, `item` or `facet`.
    base: &'static str,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// What it is for, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether objects of this very type can be made.
    creatable: bool,
    /// Whether a folder of this type is a dossier.
    dossier: bool,
    /// Documents: whether content is `allowed`, `required` or `notallowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    content: Option<ContentRule>,
    /// Whether each reading of an object of it, or that bears it, is an entry of the audit trail.
    audit_reads: bool,
    /// The facets that every object of this very type bears, beside those of the types above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facets: Vec<String>,
    /// Relationships: of which types, and those below them, the source is; absent: of any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_sources: Vec<String>,
    /// Relationships: of which types, and those below them, the target is; absent: of any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_targets: Vec<String>,
    /// All its properties, inherited ones first.
    properties: Vec<PropertyView>,
    /// When versions are made without being asked for: its own rules, then inherited ones; the first that fits decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versioning: Vec<VersioningRuleForm>,
    /// The states that its objects pass through, of its own or inherited.
    #[serde(skip_serializing_if = "Option::is_none")]
    life_cycle: Option<LifeCycleForm>,
    /// Of a type that was declared at run time: changes with it; `If-Match` takes it in quotes. What has none comes with the
    /// program, a module or the office's files, and does not change while the office runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_token: Option<String>,
}

/// A property of a type, with where it comes from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropertyView {
    /// What is declared.
    #[serde(flatten)]
    property: PropertyForm,
    /// Whether it comes from a type above or from a facet.
    inherited: bool,
}

/// A type or facet to declare: what it adds to its parent.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypeForm {
    /// Its id: one or two words of ASCII letters, figures, `_` and `-` with a colon between.
    id: String,
    /// The type it inherits from; a facet may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// The base type: `document`, `folder`, `relationship`, `policy`, `item` or `facet`.
    #[schema(value_type = String)]
    base: BaseType,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether objects of this very type can be made; they can unless given.
    #[serde(default = "yes")]
    creatable: bool,
    /// Whether a folder of this type is a dossier; one below a dossier type is.
    #[serde(default)]
    dossier: bool,
    /// Documents: whether content is `allowed`, `required` or `notallowed`.
    #[serde(default)]
    #[schema(value_type = String)]
    content: ContentRule,
    /// Whether each reading of an object of it, or that bears it, is an entry of the audit trail.
    #[serde(default)]
    audit_reads: bool,
    /// The facets that every object of the type bears.
    #[serde(default)]
    facets: Vec<String>,
    /// Relationships: of which types, and those below them, the source is; as its parent says unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_sources: Vec<String>,
    /// Relationships: of which types, and those below them, the target is; as its parent says unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_targets: Vec<String>,
    /// The properties that it adds.
    #[serde(default)]
    properties: Vec<PropertyForm>,
    /// When versions are made without being asked for (documents only); asked before the rules of its parent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versioning: Vec<VersioningRuleForm>,
    /// The states that its objects pass through; those of its parent unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    life_cycle: Option<LifeCycleForm>,
}

const fn yes() -> bool {
    true
}

/// A property that a type declares.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PropertyForm {
    /// Its id: one or two words of ASCII letters, figures, `_` and `-` with a colon between.
    id: String,
    /// `string`, `integer`, `decimal`, `boolean`, `datetime`, `id`, `uri`, `html` or `nested`.
    #[schema(value_type = String)]
    kind: PropertyKind,
    /// `single` or `multi`.
    #[serde(default)]
    #[schema(value_type = String)]
    cardinality: Cardinality,
    /// Whether an object without it is refused.
    #[serde(default)]
    required: bool,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether lists can be filtered and ordered by it.
    #[serde(default)]
    indexed: bool,
    /// Whether a search of texts finds its words, those of its fields included; unless said otherwise it does.
    #[serde(default = "yes")]
    full_text: bool,
    /// `readwrite`, or `oncreate` for what is said once.
    #[serde(default)]
    #[schema(value_type = String)]
    updatability: Updatability,
    /// The value of an object that is made without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    default: Option<Value>,
    /// The longest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    /// The longest list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_items: Option<usize>,
    /// The least number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_value: Option<f64>,
    /// The greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_value: Option<f64>,
    /// A regular expression (RE2's, no look-around) that a whole text matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pattern: Option<Pattern>,
    /// The texts allowed; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// What people read for a choice, by choice and language (BCP 47); the choice itself where there is nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    choice_labels: BTreeMap<String, BTreeMap<String, String>>,
    /// The vocabulary whose terms are the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vocabulary: Option<String>,
    /// The fields of a nested value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    fields: Vec<PropertyForm>,
}

impl From<PropertyDefinition> for PropertyForm {
    fn from(property: PropertyDefinition) -> Self {
        Self {
            id: property.id,
            kind: property.kind,
            cardinality: property.cardinality,
            required: property.required,
            label: property.label,
            labels: property.labels,
            description: property.description,
            indexed: property.indexed,
            full_text: property.full_text,
            updatability: property.updatability,
            default: property.default,
            max_length: property.max_length,
            max_items: property.max_items,
            min_value: property.min_value,
            max_value: property.max_value,
            pattern: property.pattern,
            choices: property.choices,
            choice_labels: property.choice_labels,
            vocabulary: property.vocabulary,
            fields: property.fields.into_iter().map(Self::from).collect(),
        }
    }
}

impl From<PropertyForm> for PropertyDefinition {
    fn from(form: PropertyForm) -> Self {
        Self {
            id: form.id,
            kind: form.kind,
            cardinality: form.cardinality,
            required: form.required,
            label: form.label,
            labels: form.labels,
            description: form.description,
            indexed: form.indexed,
            full_text: form.full_text,
            updatability: form.updatability,
            default: form.default,
            max_length: form.max_length,
            max_items: form.max_items,
            min_value: form.min_value,
            max_value: form.max_value,
            pattern: form.pattern,
            choices: form.choices,
            choice_labels: form.choice_labels,
            vocabulary: form.vocabulary,
            fields: form.fields.into_iter().map(Self::from).collect(),
        }
    }
}

impl From<TypeForm> for TypeDefinition {
    fn from(form: TypeForm) -> Self {
        Self {
            id: form.id,
            parent: form.parent,
            base: form.base,
            label: form.label,
            labels: form.labels,
            description: form.description,
            creatable: form.creatable,
            dossier: form.dossier,
            content: form.content,
            audit_reads: form.audit_reads,
            facets: form.facets,
            allowed_sources: form.allowed_sources,
            allowed_targets: form.allowed_targets,
            properties: form.properties.into_iter().map(PropertyDefinition::from).collect(),
            versioning: form.versioning.into_iter().map(VersioningRule::from).collect(),
            life_cycle: form.life_cycle.map(Into::into),
        }
    }
}

impl From<TypeDefinition> for TypeForm {
    fn from(definition: TypeDefinition) -> Self {
        Self {
            id: definition.id,
            parent: definition.parent,
            base: definition.base,
            label: definition.label,
            labels: definition.labels,
            description: definition.description,
            creatable: definition.creatable,
            dossier: definition.dossier,
            content: definition.content,
            audit_reads: definition.audit_reads,
            facets: definition.facets,
            allowed_sources: definition.allowed_sources,
            allowed_targets: definition.allowed_targets,
            properties: definition.properties.into_iter().map(PropertyForm::from).collect(),
            versioning: definition.versioning.into_iter().map(VersioningRuleForm::from).collect(),
            life_cycle: definition.life_cycle.map(Into::into),
        }
    }
}

fn view(resolved: &ResolvedType, token: Option<i64>) -> TypeView {
    let definition = &resolved.definition;
    let property = |property: &PropertyDefinition| PropertyView {
        inherited: !definition.properties.iter().any(|own| own.id == property.id),
        property: property.clone().into(),
    };
    TypeView {
        id: definition.id.clone(),
        parent: definition.parent.clone(),
        base: definition.base.as_str(),
        label: definition.label.clone(),
        labels: definition.labels.clone(),
        description: definition.description.clone(),
        creatable: definition.creatable,
        dossier: resolved.is_dossier,
        content: (definition.base == BaseType::Document).then_some(definition.content),
        audit_reads: resolved.audits_reads,
        facets: definition.facets.clone(),
        allowed_sources: resolved.allowed_sources.clone(),
        allowed_targets: resolved.allowed_targets.clone(),
        properties: resolved.properties.iter().map(property).collect(),
        versioning: resolved.versioning.iter().cloned().map(VersioningRuleForm::from).collect(),
        life_cycle: resolved.life_cycle.clone().map(Into::into),
        change_token: token.map(|token| token.to_string()),
    }
}

fn find(catalogue: &Catalogue, id: &str) -> Result<TypeView, ApiError> {
    let resolved = catalogue.types().get(id).ok_or_else(|| RepositoryError::not_found(format!("the type `{id}`")))?;
    Ok(view(resolved, catalogue.type_token(id)))
}

/// Lists the types and facets.
#[utoipa::path(tag = "types", responses((status = 200, description = "all of them", body = TypeList)))]
#[get("/types")]
pub async fn list_types(guarded: Guarded) -> Answer {
    let catalogue = guarded.session().catalogue().await?;
    let items = catalogue
        .types()
        .iter()
        .map(|resolved| view(resolved, catalogue.type_token(&resolved.definition.id)))
        .collect();
    answer::ok(&TypeList { items })
}

/// Returns a type or facet.
#[utoipa::path(tag = "types", params(("id" = String, Path, description = "the type's id")),
    responses((status = 200, description = "the type", body = TypeView)))]
#[get("/types/{id}")]
pub async fn get_type(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let catalogue = guarded.session().catalogue().await?;
    let found = find(&catalogue, &id)?;
    answer::object(&guarded, catalogue.type_token(&id).unwrap_or_default(), &found)
}

/// Declares a type or facet.
#[utoipa::path(tag = "types", request_body = TypeForm,
    responses((status = 201, description = "declared: objects can be made of it at once", body = TypeView)))]
#[post("/types")]
pub async fn create_type(guarded: Guarded, body: web::Payload) -> Answer {
    guarded.session().require_administrator()?;
    let definition: TypeDefinition = body::json::<TypeForm>(guarded.request(), body).await?.into();
    let id = definition.id.clone();
    let made = guarded.session().type_create(definition).await?;
    let found = find(&*guarded.session().catalogue().await?, &id)?;
    answer::created(&format!("/api/v1/types/{id}"), &made.transaction, made.value, &found)
}

/// Changes a type or facet that was declared at run time. While there are objects of it, it can only be relaxed.
#[utoipa::path(tag = "types", request_body = TypeForm,
    params(("id" = String, Path, description = "the type's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the type as it is now", body = TypeView)))]
#[put("/types/{id}")]
pub async fn update_type(guarded: Guarded, body: web::Payload) -> Answer {
    let id: String = guarded.segment("id")?;
    let precondition = guarded.precondition()?;
    guarded.session().require_administrator()?;
    let definition: TypeDefinition = body::json::<TypeForm>(guarded.request(), body).await?.into();
    let changed = guarded.session().type_update(id.clone(), precondition, definition).await?;
    let found = find(&*guarded.session().catalogue().await?, &id)?;
    answer::changed(&changed.transaction, changed.value, &found)
}

/// Deletes a type or facet that was declared at run time and that nothing uses.
#[utoipa::path(tag = "types",
    params(("id" = String, Path, description = "the type's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/types/{id}")]
pub async fn delete_type(guarded: Guarded) -> Answer {
    let done = guarded.session().type_delete(guarded.segment("id")?, guarded.precondition()?).await?;
    answer::done(&done.transaction)
}
