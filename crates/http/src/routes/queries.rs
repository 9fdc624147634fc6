//! `/queries`: statements of CMIS QL, answered at once.

use actix_web::{post, web};
use cartulary_model::PropertyKind;
use cartulary_repository::{QueryColumn, QueryRequest, QueryResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::{body, paging, waiting};

/// A statement to answer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryForm {
    /// The statement, in CMIS QL (CMIS 1.1 §2.1.14). Types and properties are named by their ids, base types also as
    /// `cmis:document`, `cmis:folder` and so on; what every object has is named as in CMIS (`cmis:name`,
    /// `cmis:creationDate`), with `cartulary:title` and `cartulary:state` beside; a field of a nested value stands after a
    /// dot.
    #[schema(example = "SELECT * FROM cmis:document")]
    statement: String,
    /// Whether each version is asked, instead of the present state of documents: by its own properties, and by its own words.
    #[serde(default)]
    all_versions: bool,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Waits until the index knows this transaction; for `CONTAINS`.
    wait_for: Option<String>,
}

/// What a statement found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryAnswer {
    /// How many rows there are that the caller may see, exactly.
    total: u64,
    /// The columns, in order.
    columns: Vec<ColumnView>,
    /// The rows of the window, by the name of the column; `null` where there is no value.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Map<String, Value>>,
    /// With `CONTAINS`: up to which change what was found in texts is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    indexed_change: Option<i64>,
}

/// A column of an answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColumnView {
    /// What it is called in the rows.
    name: String,
    /// The property that it is of, with the fields within; absent: how well a text fits, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<String>,
    /// The kind of its values.
    #[schema(value_type = String, example = "string")]
    kind: PropertyKind,
    /// Whether it is a list.
    list: bool,
}

impl From<QueryColumn> for ColumnView {
    fn from(column: QueryColumn) -> Self {
        Self { name: column.name, property: column.property, kind: column.kind, list: column.is_list }
    }
}

impl From<QueryResult> for QueryAnswer {
    fn from(result: QueryResult) -> Self {
        let names: Vec<&String> = result.columns.iter().map(|column| &column.name).collect();
        let item = |row: Vec<Value>| names.iter().map(|name| (*name).clone()).zip(row).collect();
        Self {
            total: result.total,
            items: result.rows.into_iter().map(item).collect(),
            columns: result.columns.into_iter().map(ColumnView::from).collect(),
            indexed_change: result.indexed_change,
        }
    }
}

/// Answers a statement, of what the caller may see; totals are exact.
#[utoipa::path(tag = "search", request_body = QueryForm, responses((status = 200, description = "what was found", body = QueryAnswer)))]
#[post("/queries")]
pub async fn create_query(guarded: Guarded, body: web::Payload) -> Answer {
    let form: QueryForm = body::json(guarded.request(), body).await?;
    let window = paging::window(form.limit, form.offset, None)?;
    waiting::indexed(&guarded, form.wait_for.as_deref()).await?;
    let request = QueryRequest {
        statement: form.statement,
        all_versions: form.all_versions,
        offset: window.offset,
        limit: window.limit,
    };
    answer::ok(&QueryAnswer::from(guarded.session().query(request).await?))
}
