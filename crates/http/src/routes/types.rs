//! `/types`: what kinds of objects there are, and what each declares.

use std::collections::BTreeMap;

use actix_web::get;
use cartulary_model::{Cardinality, PropertyDefinition, PropertyKind, ResolvedType};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::guarded::Guarded;

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
    /// Whether objects of this very type can be made.
    creatable: bool,
    /// Whether a folder of this type is a dossier.
    dossier: bool,
    /// All its properties, inherited ones first.
    properties: Vec<PropertyView>,
}

/// A property that a type declares.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropertyView {
    /// Its id.
    id: String,
    /// `string`, `integer`, `decimal`, `boolean`, `datetime`, `id`, `uri`, `html` or `nested`.
    #[schema(value_type = String)]
    kind: PropertyKind,
    /// `single` or `multi`.
    #[schema(value_type = String)]
    cardinality: Cardinality,
    /// Whether an object without it is refused.
    required: bool,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// The texts allowed; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    /// What people read for a choice, by choice and language (BCP 47); the choice itself where there is nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    choice_labels: BTreeMap<String, BTreeMap<String, String>>,
    /// The fields of a nested value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    fields: Vec<PropertyView>,
}

impl From<&PropertyDefinition> for PropertyView {
    fn from(property: &PropertyDefinition) -> Self {
        Self {
            id: property.id.clone(),
            kind: property.kind,
            cardinality: property.cardinality,
            required: property.required,
            label: property.label.clone(),
            labels: property.labels.clone(),
            choices: property.choices.clone(),
            choice_labels: property.choice_labels.clone(),
            fields: property.fields.iter().map(Self::from).collect(),
        }
    }
}

impl From<&ResolvedType> for TypeView {
    fn from(resolved: &ResolvedType) -> Self {
        let definition = &resolved.definition;
        Self {
            id: definition.id.clone(),
            parent: definition.parent.clone(),
            base: definition.base.as_str(),
            label: definition.label.clone(),
            labels: definition.labels.clone(),
            creatable: definition.creatable,
            dossier: resolved.is_dossier,
            properties: resolved.properties.iter().map(PropertyView::from).collect(),
        }
    }
}

/// Lists the types and facets.
#[utoipa::path(tag = "types", responses((status = 200, description = "all of them", body = TypeList)))]
#[get("/types")]
pub async fn list_types(guarded: Guarded) -> Answer {
    let types = guarded.session().repository().types();
    answer::ok(&TypeList { items: types.iter().map(TypeView::from).collect() })
}
