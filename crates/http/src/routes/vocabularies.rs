//! `/vocabularies`: the terms that the values of properties are taken from; administrators declare more.

use std::collections::BTreeMap;

use actix_web::{delete, get, post, put, web};
use cartulary_model::{Term, Vocabulary, VocabularyDefinition, text_key};
use cartulary_repository::{Catalogue, RepositoryError, Window};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::paging;
use crate::routes::object::Page;

/// All vocabularies.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VocabularyList {
    /// Ordered by id.
    items: Vec<VocabularyView>,
}

/// A vocabulary without its terms.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VocabularyView {
    /// Its id.
    id: String,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// How many terms it has.
    term_count: usize,
    /// Of one that was declared at run time: changes with it; `If-Match` takes it in quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_token: Option<String>,
}

/// A vocabulary to declare.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VocabularyForm {
    /// Its id: one or two words of ASCII letters, figures, `_` and `-` with a colon between.
    id: String,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// Its terms, in the order in which they are shown. Of what was declared before, none may be missing: it is retired.
    #[serde(default)]
    terms: Vec<TermForm>,
}

/// A term.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TermForm {
    /// Its id, unique in the vocabulary: the value that objects keep.
    id: String,
    /// The term above it; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// What people read.
    label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// Whether it is kept where it stands and given to nothing new.
    #[serde(default)]
    retired: bool,
}

/// A term as it is listed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TermView {
    /// The term.
    #[serde(flatten)]
    term: TermForm,
    /// Whether there are terms below it.
    has_narrower: bool,
}

/// Which terms are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TermQuery {
    /// Only those right below this term; those at the top with an empty one. All unless given.
    parent: Option<String>,
    /// Only those whose id, or label in any language, begins like this.
    q: Option<String>,
    /// How many, at most 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

impl From<Term> for TermForm {
    fn from(term: Term) -> Self {
        Self { id: term.id, parent: term.parent, label: term.label, labels: term.labels, retired: term.retired }
    }
}

impl From<TermForm> for Term {
    fn from(form: TermForm) -> Self {
        Self { id: form.id, parent: form.parent, label: form.label, labels: form.labels, retired: form.retired }
    }
}

impl From<VocabularyForm> for VocabularyDefinition {
    fn from(form: VocabularyForm) -> Self {
        let terms = form.terms.into_iter().map(Term::from).collect();
        Self { id: form.id, label: form.label, labels: form.labels, terms }
    }
}

impl From<VocabularyDefinition> for VocabularyForm {
    fn from(definition: VocabularyDefinition) -> Self {
        let terms = definition.terms.into_iter().map(TermForm::from).collect();
        Self { id: definition.id, label: definition.label, labels: definition.labels, terms }
    }
}

fn view(vocabulary: &Vocabulary, token: Option<i64>) -> VocabularyView {
    let definition = &vocabulary.definition;
    VocabularyView {
        id: definition.id.clone(),
        label: definition.label.clone(),
        labels: definition.labels.clone(),
        term_count: definition.terms.len(),
        change_token: token.map(|token| token.to_string()),
    }
}

fn find<'a>(catalogue: &'a Catalogue, id: &str) -> Result<&'a Vocabulary, ApiError> {
    let found = catalogue.types().vocabulary(id);
    Ok(found.ok_or_else(|| RepositoryError::not_found(format!("the vocabulary `{id}`")))?)
}

/// Lists the vocabularies, without their terms.
#[utoipa::path(tag = "types", responses((status = 200, description = "all of them", body = VocabularyList)))]
#[get("/vocabularies")]
pub async fn list_vocabularies(guarded: Guarded) -> Answer {
    let catalogue = guarded.session().catalogue().await?;
    let one = |vocabulary: &Vocabulary| view(vocabulary, catalogue.vocabulary_token(&vocabulary.definition.id));
    answer::ok(&VocabularyList { items: catalogue.types().vocabularies().map(one).collect() })
}

/// Returns a vocabulary, without its terms.
#[utoipa::path(tag = "types", params(("id" = String, Path, description = "the vocabulary's id")),
    responses((status = 200, description = "the vocabulary", body = VocabularyView)))]
#[get("/vocabularies/{id}")]
pub async fn get_vocabulary(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let catalogue = guarded.session().catalogue().await?;
    let token = catalogue.vocabulary_token(&id);
    answer::object(&guarded, token.unwrap_or_default(), &view(find(&catalogue, &id)?, token))
}

/// Lists the terms of a vocabulary in their order.
#[utoipa::path(tag = "types", params(TermQuery, ("id" = String, Path, description = "the vocabulary's id")),
    responses((status = 200, description = "a window", body = Page<TermView>)))]
#[get("/vocabularies/{id}/terms")]
pub async fn list_terms(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let query: TermQuery = guarded.query()?;
    let request = paging::window(query.limit, query.offset, None)?;
    let catalogue = guarded.session().catalogue().await?;
    let vocabulary = find(&catalogue, &id)?;
    let beginning = query.q.as_deref().map(text_key);
    let is_wanted = |term: &&Term| {
        let is_below = query.parent.as_deref().is_none_or(|parent| term.parent.as_deref().unwrap_or("") == parent);
        let begins = |text: &String| beginning.as_ref().is_none_or(|wanted| text_key(text).starts_with(wanted));
        is_below && (begins(&term.id) || begins(&term.label) || term.labels.values().any(begins))
    };
    let wanted: Vec<&Term> = vocabulary.definition.terms.iter().filter(is_wanted).collect();
    let (total, offset) = (wanted.len() as u64, usize::try_from(request.offset).unwrap_or(usize::MAX));
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let term = |term: &Term| TermView { has_narrower: vocabulary.is_branch(&term.id), term: term.clone().into() };
    let items: Vec<TermView> = wanted.into_iter().skip(offset).take(limit).map(term).collect();
    let end = request.offset.saturating_add(items.len() as u64);
    let next_offset = (end < total && !items.is_empty()).then_some(end);
    answer::ok(&Page::<TermView>::of(Window { total, items, next_offset, next_place: None }))
}

/// Declares a vocabulary.
#[utoipa::path(tag = "types", request_body = VocabularyForm,
    responses((status = 201, description = "declared", body = VocabularyView)))]
#[post("/vocabularies")]
pub async fn create_vocabulary(guarded: Guarded, body: web::Payload) -> Answer {
    guarded.session().require_administrator()?;
    let definition: VocabularyDefinition = body::json::<VocabularyForm>(guarded.request(), body).await?.into();
    let id = definition.id.clone();
    let made = guarded.session().vocabulary_create(definition).await?;
    let catalogue = guarded.session().catalogue().await?;
    let found = view(find(&catalogue, &id)?, Some(made.value));
    answer::created(&format!("/api/v1/vocabularies/{id}"), &made.transaction, made.value, &found)
}

/// Changes a vocabulary that was declared at run time: terms may be added, renamed, moved and retired, not removed.
#[utoipa::path(tag = "types", request_body = VocabularyForm,
    params(("id" = String, Path, description = "the vocabulary's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the vocabulary as it is now", body = VocabularyView)))]
#[put("/vocabularies/{id}")]
pub async fn update_vocabulary(guarded: Guarded, body: web::Payload) -> Answer {
    let id: String = guarded.segment("id")?;
    let precondition = guarded.precondition()?;
    guarded.session().require_administrator()?;
    let definition: VocabularyDefinition = body::json::<VocabularyForm>(guarded.request(), body).await?.into();
    let changed = guarded.session().vocabulary_update(id.clone(), precondition, definition).await?;
    let catalogue = guarded.session().catalogue().await?;
    let found = view(find(&catalogue, &id)?, Some(changed.value));
    answer::changed(&changed.transaction, changed.value, &found)
}

/// Deletes a vocabulary that was declared at run time and that no property uses.
#[utoipa::path(tag = "types",
    params(("id" = String, Path, description = "the vocabulary's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/vocabularies/{id}")]
pub async fn delete_vocabulary(guarded: Guarded) -> Answer {
    let done = guarded.session().vocabulary_delete(guarded.segment("id")?, guarded.precondition()?).await?;
    answer::done(&done.transaction)
}
