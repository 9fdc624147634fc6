//! `/saved-searches`: statements and words that people keep, show to each other, and run.

use std::time::Instant;

use actix_web::{delete, get, patch, post, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, Faults, SavedQuery, SavedSearchResult, SavedSearchView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::queries::QueryAnswer;
use crate::routes::search::{SearchAnswer, list};
use crate::routes::sharing::{NewShare, Share};
use crate::routes::users::WindowQuery;
use crate::{body, paging, waiting};

/// A statement, as `POST /queries` takes it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedStatement {
    /// The statement, in CMIS QL.
    statement: String,
    /// Whether each version is asked, instead of the present state of documents.
    #[serde(default)]
    all_versions: bool,
}

/// Words with what narrows them, as `GET /search` takes them.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedWords {
    /// The words, as a person types them.
    #[serde(default)]
    q: String,
    /// Only what lies in this dossier, or in a folder in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    dossier: Option<ObjectId>,
    /// Only these types, with commas between.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_ids: Option<String>,
    /// Only these media types, with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
}

/// A search to save: `query` or `search`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSavedSearchForm {
    /// What people call it: one line of at most 200 characters.
    name: String,
    /// A statement.
    query: Option<SavedStatement>,
    /// Words.
    search: Option<SavedWords>,
    /// To whom it is shown; at most 100.
    #[serde(default)]
    shares: Vec<NewShare>,
}

/// Changes to a saved search; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedSearchForm {
    /// What people call it.
    name: Option<String>,
    /// A statement, instead of what was looked for.
    query: Option<SavedStatement>,
    /// Words, instead of what was looked for.
    search: Option<SavedWords>,
    /// To whom it is shown, all of them: its owner says so.
    shares: Option<Vec<NewShare>>,
}

/// A saved search.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedSearch {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The login name of the user whose it is.
    owner: String,
    /// What people call it.
    name: String,
    /// The statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<SavedStatement>,
    /// The words.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<SavedWords>,
    /// Why it cannot be run as it is; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Whether the caller may change it.
    writable: bool,
    /// To whom it is shown; for its owner.
    shares: Vec<Share>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    modified_at: Timestamp,
    /// Another with every change; `If-Match` takes it in quotes.
    change_token: String,
}

/// What a saved search found: one of both.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedSearchAnswer {
    /// What a statement found, as `POST /queries` answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<QueryAnswer>,
    /// What words found, as `GET /search` answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<SearchAnswer>,
}

/// Which results are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultsQuery {
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Waits until the index knows this transaction.
    wait_for: Option<String>,
}

impl From<SavedSearchView> for SavedSearch {
    fn from(view: SavedSearchView) -> Self {
        let joined = |all: Vec<String>| (!all.is_empty()).then(|| all.join(","));
        let (query, search) = match view.search {
            SavedQuery::Statement { statement, all_versions } => {
                (Some(SavedStatement { statement, all_versions }), None)
            }
            SavedQuery::Words { text, dossier, type_ids, media_types } => {
                let (type_ids, media_type) = (joined(type_ids), joined(media_types));
                (None, Some(SavedWords { q: text, dossier, type_ids, media_type }))
            }
        };
        Self {
            id: view.id,
            owner: view.owner.name,
            name: view.name,
            query,
            search,
            problem: view.problem,
            writable: view.may_write,
            shares: view.shares.into_iter().map(Share::from).collect(),
            created_at: view.created_at,
            modified_at: view.modified_at,
            change_token: view.change_token.to_string(),
        }
    }
}

/// Returns what is looked for, when one of both is said.
fn looked_for(query: Option<SavedStatement>, search: Option<SavedWords>, faults: &mut Faults) -> Option<SavedQuery> {
    if query.is_some() && search.is_some() {
        faults.say("search", "two_searches", "stands instead of `query`");
    }
    match (query, search) {
        (None, None) => None,
        (Some(SavedStatement { statement, all_versions }), _) => {
            Some(SavedQuery::Statement { statement, all_versions })
        }
        (None, Some(words)) => Some(SavedQuery::Words {
            text: words.q,
            dossier: words.dossier,
            type_ids: list(words.type_ids.as_deref()),
            media_types: list(words.media_type.as_deref()),
        }),
    }
}

/// Lists the caller's saved searches, then those that others show to him, each by name.
#[utoipa::path(tag = "saved-searches", params(WindowQuery), responses((status = 200, description = "a window", body = Page<SavedSearch>)))]
#[get("/saved-searches")]
pub async fn list_saved_searches(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<SavedSearch>::of(guarded.session().saved_search_list(query.window()?).await?))
}

/// Saves a search that can be run now.
#[utoipa::path(tag = "saved-searches", request_body = NewSavedSearchForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "saved", body = SavedSearch)))]
#[post("/saved-searches")]
pub async fn create_saved_search(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewSavedSearchForm = body::json(guarded.request(), body).await?;
    let mut faults = Faults::default();
    let search = looked_for(form.query, form.search, &mut faults).unwrap_or_else(|| {
        faults.say("query", "required", "is missing, as is `search`");
        SavedQuery::Statement { statement: String::new(), all_versions: false }
    });
    let shares = form.shares.into_iter().map(Into::into).collect();
    let new = repository::NewSavedSearch { name: form.name, search, shares, idempotency_key };
    let made = guarded.session().saved_search_create(new, faults).await?;
    let (id, token) = (made.value.id, made.value.change_token);
    answer::created(&format!("/api/v1/saved-searches/{id}"), &made.transaction, token, &SavedSearch::from(made.value))
}

/// Returns a saved search, and whether it can be run.
#[utoipa::path(tag = "saved-searches", params(("id" = String, Path, description = "the saved search's id")),
    responses((status = 200, description = "the saved search", body = SavedSearch)))]
#[get("/saved-searches/{id}")]
pub async fn get_saved_search(guarded: Guarded) -> Answer {
    let view = guarded.session().saved_search_get(guarded.id()?).await?;
    answer::object(&guarded, view.change_token, &SavedSearch::from(view))
}

/// Changes a saved search.
#[utoipa::path(tag = "saved-searches", request_body = SavedSearchForm,
    params(("id" = String, Path, description = "the saved search's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the saved search as it is now", body = SavedSearch)))]
#[patch("/saved-searches/{id}")]
pub async fn update_saved_search(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: SavedSearchForm = body::json(guarded.request(), body).await?;
    let mut faults = Faults::default();
    let search = looked_for(form.query, form.search, &mut faults);
    let shares = form.shares.map(|shares| shares.into_iter().map(Into::into).collect());
    let changes = repository::SavedSearchChanges { name: form.name, search, shares };
    let changed = guarded.session().saved_search_update(id, precondition, changes, faults).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &SavedSearch::from(changed.value))
}

/// Deletes a saved search.
#[utoipa::path(tag = "saved-searches",
    params(("id" = String, Path, description = "the saved search's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/saved-searches/{id}")]
pub async fn delete_saved_search(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    answer::done(&guarded.session().saved_search_delete(id, precondition).await?.transaction)
}

/// Runs a saved search with the rights of the caller. One that no longer fits answers `saved_search_broken` (409), and why.
#[utoipa::path(tag = "saved-searches", params(ResultsQuery, ("id" = String, Path, description = "the saved search's id")),
    responses((status = 200, description = "what was found", body = SavedSearchAnswer),
        (status = 409, description = "`saved_search_broken`")))]
#[get("/saved-searches/{id}/results")]
pub async fn get_saved_search_results(guarded: Guarded) -> Answer {
    let (id, query): (ObjectId, ResultsQuery) = (guarded.id()?, guarded.query()?);
    let window = paging::window(query.limit, query.offset, None)?;
    waiting::indexed(&guarded, query.wait_for.as_deref()).await?;
    let began = Instant::now();
    let (query, search) = match guarded.session().saved_search_run(id, window).await? {
        SavedSearchResult::Statement(found) => (Some(QueryAnswer::from(found)), None),
        SavedSearchResult::Words(found) => (None, Some(SearchAnswer::of(found, began))),
    };
    answer::ok(&SavedSearchAnswer { query, search })
}
