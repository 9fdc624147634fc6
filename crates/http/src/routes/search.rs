//! `/search`: full text, with snippets and counts.

use std::collections::BTreeMap;
use std::time::Instant;

use actix_web::get;
use cartulary_repository::{self as repository, SearchQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::{Place, Summary};
use crate::{paging, waiting};

/// How many hits are answered unless more or fewer are asked for.
const LIMIT_DEFAULT: u64 = 20;

/// What is searched.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParameters {
    /// The words, as a person types them; `"a phrase"`, `-without`, `begin*`. Absent or blank finds everything; without any
    /// word, as `*`, nothing.
    #[serde(default)]
    q: String,
    /// How many hits are answered, 1 to 1,000; 20 unless given.
    limit: Option<u64>,
    /// How many hits are passed over.
    offset: Option<u64>,
    /// Only what lies in this dossier, or in a folder in it.
    dossier: Option<String>,
    /// Only these types, with commas between.
    #[serde(rename = "type")]
    type_ids: Option<String>,
    /// Only these media types, with commas between.
    media_type: Option<String>,
    /// Waits until the index knows this transaction.
    wait_for: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchAnswer {
    /// How many objects match that the caller may read, exactly.
    total: u64,
    /// The window, best first.
    items: Vec<Hit>,
    /// Counts of what was found: `type`, `mediaType` and `year`, most frequent first.
    facets: BTreeMap<&'static str, Vec<FacetValue>>,
    /// Up to which change the answer is true.
    indexed_change: i64,
    /// How many documents that the caller may read are still being read, and are found by name and title only until then;
    /// at most the first 500 that wait are looked at.
    texts_waiting: u64,
    /// How long it took. *Units*: milliseconds.
    took_ms: u64,
    /// Why nothing was found, when the query is the reason: `no_words`, there is no word in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// One object that was found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The row of a list.
    #[serde(flatten)]
    summary: Summary,
    /// How well it matches; comparable within one answer only.
    score: f32,
    /// The best places in its text.
    snippets: Vec<Snippet>,
    /// How many pages have such a place, those of `snippets` among them; of very many places, of the first ones.
    pages_with_hits: u32,
    /// The dossier it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    dossier: Option<Place>,
}

/// Some text of one page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Snippet {
    /// The slot of the content that the page is of; absent for the main one.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<String>,
    /// The page, from 1.
    page_number: u32,
    /// The text in logical order.
    fragments: Vec<Fragment>,
}

/// A piece of a snippet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fragment {
    /// The text.
    text: String,
    /// Whether it is what was searched for.
    hit: bool,
}

/// One value and how often it was found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacetValue {
    /// The value.
    value: String,
    /// What people read.
    label: String,
    /// How many objects that were found have it.
    count: u64,
}

impl From<repository::SearchHit> for Hit {
    fn from(hit: repository::SearchHit) -> Self {
        let fragment = |fragment: repository::Fragment| Fragment { text: fragment.text, hit: fragment.is_hit };
        let snippet = |snippet: repository::Snippet| Snippet {
            slot: snippet.slot,
            page_number: snippet.page_number,
            fragments: snippet.fragments.into_iter().map(fragment).collect(),
        };
        Self {
            summary: hit.summary.into(),
            score: hit.score,
            snippets: hit.snippets.into_iter().map(snippet).collect(),
            pages_with_hits: hit.pages_with_hits,
            dossier: hit.dossier.map(Place::from),
        }
    }
}

impl SearchAnswer {
    /// Returns the answer to a search that began at an instant.
    pub(crate) fn of(found: repository::SearchResult, began: Instant) -> Self {
        Self {
            total: found.total,
            items: found.hits.into_iter().map(Hit::from).collect(),
            facets: found.facets.into_iter().map(facet).collect(),
            indexed_change: found.indexed_change,
            texts_waiting: found.texts_waiting,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            note: found.is_without_words.then_some("no_words"),
        }
    }
}

fn facet(facet: repository::Facet) -> (&'static str, Vec<FacetValue>) {
    let value =
        |bucket: repository::Bucket| FacetValue { value: bucket.value, label: bucket.label, count: bucket.count };
    (facet.name, facet.buckets.into_iter().map(value).collect())
}

/// Returns what stands in a text with commas between.
pub(crate) fn list(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Searches names, titles, properties and texts of what the caller may read.
#[utoipa::path(tag = "search", params(SearchParameters), responses((status = 200, description = "what was found", body = SearchAnswer)))]
#[get("/search")]
pub async fn search_objects(guarded: Guarded) -> Answer {
    let parameters: SearchParameters = guarded.query()?;
    let window = paging::window(parameters.limit.or(Some(LIMIT_DEFAULT)), parameters.offset, None)?;
    let dossier = parameters.dossier.filter(|dossier| !dossier.is_empty());
    let dossier = dossier.map(|id| id.parse().map_err(|_| ApiError::not_found("the dossier"))).transpose()?;
    waiting::indexed(&guarded, parameters.wait_for.as_deref()).await?;
    let began = Instant::now();
    let query = SearchQuery {
        text: parameters.q,
        dossier,
        type_ids: list(parameters.type_ids.as_deref()),
        media_types: list(parameters.media_type.as_deref()),
        offset: window.offset,
        limit: window.limit,
        facets: true,
        ..SearchQuery::default()
    };
    answer::ok(&SearchAnswer::of(guarded.session().search(query).await?, began))
}
