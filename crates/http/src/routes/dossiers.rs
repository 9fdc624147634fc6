//! `/dossiers`: the list, one dossier, and what lies in it.

use actix_web::{delete, get, patch, post, web};
use cartulary_model::{BaseType, ObjectId, Properties, Timestamp};
use cartulary_repository::{ListOrder, NewFolder, ObjectChanges, ObjectDetail, Source, VersionNote};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::{Detail, Page, Summary};
use crate::routes::versions;
use crate::{body, paging, waiting};

/// Which dossiers are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DossierQuery {
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
    /// `modified`, `created` or `name`, with `-` before it for the other way round; `-modified` unless given.
    sort: Option<String>,
    /// Only dossiers whose name or title has words that begin like these; the best first.
    q: Option<String>,
    /// Waits until the list knows this transaction.
    wait_for: Option<String>,
}

/// Which window of what lies in a folder is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContentsQuery {
    /// `place` (the order of receipt, or as somebody put it), `modified`, `created` or `name`, with `-` before it for the
    /// other way round; `place` unless given.
    sort: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
    /// Waits until the list knows this transaction.
    wait_for: Option<String>,
    /// The instant at which the dossier had in it what is answered; now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// How a dossier is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DossierAtQuery {
    /// The instant at which it stood as it is answered; now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// How an object is removed.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Whether it is destroyed, for good; otherwise it goes to the trash. `false` unless given.
    #[serde(default)]
    permanent: bool,
}

/// A new dossier, or a new folder.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDossier {
    /// The name, unique in the folder that it lies in.
    name: String,
    /// What people read; the name unless given.
    title: Option<String>,
    /// The type; `dossier` unless given, or `folder` for one in another folder.
    #[serde(rename = "type")]
    type_id: Option<String>,
    /// Its properties.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Properties,
    /// The facets to attach, beside those that its type bears.
    #[serde(default)]
    facets: Vec<String>,
    /// The system that it came from, with `sourceId`.
    source_system: Option<String>,
    /// Its id there; no two objects have the same.
    source_id: Option<String>,
}

/// Changes to an object; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// Another name.
    name: Option<String>,
    /// Another title.
    title: Option<String>,
    /// Properties to set, or to remove where the value is null; others stay.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Properties,
    /// All facets to be attached from now on; what only a facet that is detached declares, is removed.
    facets: Option<Vec<String>>,
    /// Documents: which version is made of it, `none`, `minor` or `major`; as the rules of its type say, unless given.
    version: Option<String>,
    /// Documents: why; a comment asks for a version.
    #[serde(default)]
    comment: String,
}

impl TryFrom<Changes> for ObjectChanges {
    type Error = ApiError;

    fn try_from(changes: Changes) -> Result<Self, ApiError> {
        let increment = versions::increment(changes.version.as_deref(), false)?;
        let note = VersionNote { comment: changes.comment, increment };
        let Changes { name, title, properties, facets, .. } = changes;
        Ok(Self { name, title, properties, facets, note })
    }
}

fn order(sort: &str, known: &str) -> Result<ListOrder, ApiError> {
    match sort {
        "modified" => Ok(ListOrder::Modified),
        "-modified" => Ok(ListOrder::ModifiedDescending),
        "created" => Ok(ListOrder::Created),
        "-created" => Ok(ListOrder::CreatedDescending),
        "name" => Ok(ListOrder::Name),
        "-name" => Ok(ListOrder::NameDescending),
        _ => Err(ApiError::invalid_query("sort", known)),
    }
}

/// Lists the dossiers that the caller may see.
#[utoipa::path(tag = "dossiers", params(DossierQuery), responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/dossiers")]
pub async fn list_dossiers(guarded: Guarded) -> Answer {
    let query: DossierQuery = guarded.query()?;
    let window = paging::list(query.limit, query.offset, query.cursor.as_deref())?;
    let known = "is modified, created or name, or one of these after a `-`";
    let order = order(query.sort.as_deref().unwrap_or("-modified"), known)?;
    let filter = query.q.filter(|filter| !filter.trim().is_empty());
    match filter {
        Some(_) => waiting::indexed(&guarded, query.wait_for.as_deref()).await?,
        None => waiting::sequenced(&guarded, query.wait_for.as_deref()).await?,
    }
    let dossiers = guarded.session().dossier_list(window, order, filter).await?;
    answer::ok(&Page::<Summary>::of(dossiers))
}

/// Opens a new dossier.
#[utoipa::path(tag = "dossiers", request_body = NewDossier,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "opened", body = Detail)))]
#[post("/dossiers")]
pub async fn create_dossier(guarded: Guarded, body: web::Payload) -> Answer {
    let new = new_folder(&guarded, body).await?;
    let made = guarded.session().dossier_create(new).await?;
    let (token, id) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/dossiers/{id}"), &made.transaction, token, &Detail::from(made.value))
}

/// Reads a new dossier or folder.
pub(crate) async fn new_folder(guarded: &Guarded, body: web::Payload) -> Result<NewFolder, ApiError> {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewDossier = body::json(guarded.request(), body).await?;
    let NewDossier { name, title, type_id, properties, facets, source_system, source_id } = form;
    let source = Source::of(source_system, source_id)?;
    Ok(NewFolder { name, title, type_id, properties, facets, source, idempotency_key })
}

/// Returns a dossier, or a folder in one.
///
/// With `at`, name, title and properties are those of that instant, and the answer has no ETag; permissions, folders and
/// change token are today's. Dossiers only.
#[utoipa::path(tag = "dossiers", params(DossierAtQuery, ("id" = String, Path, description = "the dossier's id")),
    responses((status = 200, description = "the dossier", body = Detail)))]
#[get("/dossiers/{id}")]
pub async fn get_dossier(guarded: Guarded) -> Answer {
    let query: DossierAtQuery = guarded.query()?;
    if let Some(at) = query.at {
        return answer::ok(&Detail::from(guarded.session().dossier_at(guarded.id()?, at).await?));
    }
    let detail = guarded.session().object_get(guarded.id()?).await?;
    if detail.summary.base != BaseType::Folder {
        return Err(ApiError::not_found("the dossier"));
    }
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Changes name, title or properties of a dossier.
#[utoipa::path(tag = "dossiers", request_body = Changes,
    params(("id" = String, Path, description = "the dossier's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the dossier as it is now", body = Detail)))]
#[patch("/dossiers/{id}")]
pub async fn update_dossier(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    update(guarded, id, body, BaseType::Folder).await
}

/// Changes an object of the wanted base type.
pub(crate) async fn update(guarded: Guarded, id: ObjectId, body: web::Payload, base: BaseType) -> Answer {
    let precondition = guarded.precondition()?;
    let changes: Changes = body::json(guarded.request(), body).await?;
    require_base(&guarded, id, base).await?;
    let changed = guarded.session().object_update(id, precondition, changes.try_into()?).await?;
    answer::changed(&changed.transaction, changed.value.summary.change_token, &Detail::from(changed.value))
}

/// Puts a dossier in the trash, with all that lies in it; or destroys it.
#[utoipa::path(tag = "dossiers",
    params(RemovalQuery, ("id" = String, Path, description = "the dossier's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "in the trash, or destroyed")))]
#[delete("/dossiers/{id}")]
pub async fn delete_dossier(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    remove(guarded, id, BaseType::Folder).await
}

/// Puts an object of the wanted base type in the trash, or destroys it.
pub(crate) async fn remove(guarded: Guarded, id: ObjectId, base: BaseType) -> Answer {
    let query: RemovalQuery = guarded.query()?;
    let precondition = guarded.precondition()?;
    let session = guarded.session();
    let is_working_copy = require_base(&guarded, id, base).await?.versioning.is_working_copy;
    let done = if is_working_copy {
        session.check_out_cancel(id, precondition).await?
    } else if query.permanent {
        session.object_destroy(id, precondition).await?
    } else {
        session.object_trash(id, precondition).await?
    };
    answer::done(&done.transaction)
}

/// A document has no address under `/dossiers`, nor a folder one under `/documents`.
async fn require_base(guarded: &Guarded, id: ObjectId, base: BaseType) -> Result<ObjectDetail, ApiError> {
    let detail = guarded.session().object_get(id).await?;
    if detail.summary.base == base { Ok(detail) } else { Err(ApiError::not_found("the object")) }
}

/// Lists what lies in a dossier, in the order of receipt unless another is asked for.
///
/// With `at`, what lay in it at that instant, of what the caller may see today: with names, titles, properties and the newest
/// versions of then. What was destroyed since is not there any more.
#[utoipa::path(tag = "dossiers", params(ContentsQuery, ("id" = String, Path, description = "the dossier's id")),
    responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/dossiers/{id}/contents")]
pub async fn list_dossier_contents(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    contents(&guarded, id).await
}

/// Lists what lies in a folder.
pub(crate) async fn contents(guarded: &Guarded, id: ObjectId) -> Answer {
    let query: ContentsQuery = guarded.query()?;
    let (limit, offset, cursor) = (query.limit, query.offset, query.cursor.as_deref());
    let order = match query.sort.as_deref().unwrap_or("place") {
        "place" => ListOrder::Receipt,
        "-place" => ListOrder::ReceiptDescending,
        sort => order(sort, "is place, modified, created or name, or one of these after a `-`")?,
    };
    waiting::sequenced(guarded, query.wait_for.as_deref()).await?;
    let contents = match query.at {
        Some(at) => guarded.session().children_at(id, at, paging::window(limit, offset, cursor)?).await?,
        None => guarded.session().children_list(id, paging::list(limit, offset, cursor)?, order).await?,
    };
    answer::ok(&Page::<Summary>::of(contents))
}
