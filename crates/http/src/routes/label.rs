//! The pattern that a path belongs to, for metrics and logs: found without a search through all routes.

/// Returns the pattern of `path`, or `other`. Tests compare it with the OpenAPI document.
pub fn of(path: &str) -> &'static str {
    let Some(rest) = path.strip_prefix("/api/v1/") else { return outside(path) };
    if let Some(below) = rest.strip_prefix("documents/") {
        return of_document(below);
    }
    let mut segments = rest.split('/');
    let place = (segments.next(), segments.next(), segments.next(), segments.next());
    match place {
        (Some("dossiers"), None, None, None) => "/api/v1/dossiers",
        (Some("dossiers"), Some(_), None, None) => "/api/v1/dossiers/{id}",
        (Some("dossiers"), Some(_), Some("contents"), None) => "/api/v1/dossiers/{id}/contents",
        (Some("dossiers"), Some(_), Some("versions"), None) => "/api/v1/dossiers/{id}/versions",
        (Some("dossiers"), Some(_), Some("documents"), None) => "/api/v1/dossiers/{id}/documents",
        (Some("folders"), Some(_), None, None) => "/api/v1/folders/{id}",
        (Some("folders"), Some(_), Some("contents"), None) => "/api/v1/folders/{id}/contents",
        (Some("folders"), Some(_), Some("folders"), None) => "/api/v1/folders/{id}/folders",
        (Some("folders"), Some(_), Some("deletions"), None) => "/api/v1/folders/{id}/deletions",
        (Some("folders"), Some(_), Some("documents"), None) => "/api/v1/folders/{id}/documents",
        (Some("documents"), None, None, None) => "/api/v1/documents",
        (Some("search"), None, None, None) => "/api/v1/search",
        (Some("queries"), None, None, None) => "/api/v1/queries",
        (Some("blobs"), Some("sha256"), Some(_), None) => "/api/v1/blobs/sha256/{hex}",
        (Some("sessions"), None, None, None) => "/api/v1/sessions",
        (Some("sessions"), Some("current"), None, None) => "/api/v1/sessions/current",
        (Some("users" | "usage"), ..) => of_user((place.0, place.1, place.2, place.3)),
        (Some("groups"), None, None, None) => "/api/v1/groups",
        (Some("groups"), Some(_), None, None) => "/api/v1/groups/{id}",
        (Some("groups"), Some(_), Some("members"), None) => "/api/v1/groups/{id}/members",
        (Some("types"), None, None, None) => "/api/v1/types",
        (Some("types"), Some(_), None, None) => "/api/v1/types/{id}",
        (Some("vocabularies"), None, None, None) => "/api/v1/vocabularies",
        (Some("vocabularies"), Some(_), None, None) => "/api/v1/vocabularies/{id}",
        (Some("vocabularies"), Some(_), Some("terms"), None) => "/api/v1/vocabularies/{id}/terms",
        (Some("objects"), Some(_), Some("access-explanation"), None) => "/api/v1/objects/{id}/access-explanation",
        (Some("objects"), Some(_), Some("acl"), Some(name)) if !name.is_empty() && segments.next().is_none() => {
            "/api/v1/objects/{id}/acl/{name}"
        }
        (Some("permissions"), None, None, None) => "/api/v1/permissions",
        (Some("objects"), None, None, None) => "/api/v1/objects",
        (Some("objects"), Some(_), None, None) => "/api/v1/objects/{id}",
        (Some("objects"), Some(_), Some("acl"), None) => "/api/v1/objects/{id}/acl",
        (Some("objects"), Some(_), Some("copies"), None) => "/api/v1/objects/{id}/copies",
        (Some("objects"), Some(_), Some("move"), None) => "/api/v1/objects/{id}/move",
        (Some("objects"), Some(_), Some("transitions"), None) => "/api/v1/objects/{id}/transitions",
        (Some("objects"), Some(_), Some(what @ ("lock" | "retention" | "retention-events")), None) => of_keeping(what),
        (Some("legal-holds"), id, below, object) => of_legal_hold(id.is_some(), below, object.is_some()),
        (Some("objects"), Some(_), Some("place"), None) => "/api/v1/objects/{id}/place",
        (Some("objects"), Some(_), Some("primary-parent"), None) => "/api/v1/objects/{id}/primary-parent",
        (Some("objects"), Some(_), Some("parents"), Some(_)) => "/api/v1/objects/{id}/parents/{folder}",
        (Some("objects"), Some(_), Some("relationships"), None) => "/api/v1/objects/{id}/relationships",
        (Some("objects"), Some(_), Some(what @ ("tags" | "comments")), one) => of_notes(what, one, segments.next()),
        (Some("comments" | "annotations" | "tags"), ..) => of_note((place.0, place.1, place.2)),
        (Some("collections" | "saved-searches" | "subscriptions" | "notifications"), ..) => {
            of_kept((place.0, place.1, place.2, place.3), segments.next())
        }
        (Some("relationships"), None, None, None) => "/api/v1/relationships",
        (Some("relationships"), Some(_), None, None) => "/api/v1/relationships/{id}",
        (Some("unfiled"), None, None, None) => "/api/v1/unfiled",
        (Some("trash"), id, act, None) => of_trashed(id.is_some(), act),
        (Some("exports"), name, act, None) => of_export(name.is_some(), act),
        (Some("bag-imports"), None, None, None) => "/api/v1/bag-imports",
        (Some("changes"), None, None, None) => "/api/v1/changes",
        (Some("changes"), Some("events"), None, None) => "/api/v1/changes/events",
        (Some("backups"), None, None, None) => "/api/v1/backups",
        (Some("backups"), Some(_), Some("runs"), None) => "/api/v1/backups/{name}/runs",
        (Some("audit-entries"), None, None, None) => "/api/v1/audit-entries",
        (Some("audit-entries"), Some(_), Some("proof"), None) => "/api/v1/audit-entries/{position}/proof",
        (Some("seals"), None, None, None) => "/api/v1/seals",
        (Some("bulk-actions"), id, below, None) => of_bulk_action(id, below),
        (Some("webhooks"), ..) => of_webhook((place.1, place.2, place.3), (segments.next(), segments.next())),
        (Some("jobs"), None, None, None) => "/api/v1/jobs",
        (Some("jobs"), Some(_), None, None) => "/api/v1/jobs/{id}",
        (Some("uploads"), None, None, None) => "/api/v1/uploads",
        (Some("uploads"), Some(_), None, None) => "/api/v1/uploads/{id}",
        (Some("imports"), id, act, None) => of_import(id.is_some(), act),
        (Some("openapi.json"), None, None, None) => "/api/v1/openapi.json",
        (Some(first), Some(_), Some("versions"), Some(_)) => of_version(first, segments.next(), segments.next()),
        _ => "other",
    }
}

/// Returns the pattern of a path below `/documents/`.
fn of_document(below: &str) -> &'static str {
    let mut segments = below.split('/');
    let place = (segments.next(), segments.next(), segments.next(), segments.next(), segments.next());
    match place {
        (Some(_), None, ..) => "/api/v1/documents/{id}",
        (_, Some("content"), None, ..) => "/api/v1/documents/{id}/content",
        (_, Some("text"), None, ..) => "/api/v1/documents/{id}/text",
        (_, Some("working-copy"), None, ..) => "/api/v1/documents/{id}/working-copy",
        (_, Some("versions"), None, ..) => "/api/v1/documents/{id}/versions",
        (_, Some("versions"), Some(_), None, _) => "/api/v1/documents/{id}/versions/{version}",
        (_, Some("annotations"), None, ..) => "/api/v1/documents/{id}/annotations",
        (_, Some("arrangement"), None, ..) => "/api/v1/documents/{id}/arrangement",
        (_, Some("arrangement"), Some("content"), None, _) => "/api/v1/documents/{id}/arrangement/content",
        (_, Some("arrangement"), Some("splits"), None, _) => "/api/v1/documents/{id}/arrangement/splits",
        (_, Some("contents"), None, ..) => "/api/v1/documents/{id}/contents",
        (_, Some("contents"), Some(_), None, _) => "/api/v1/documents/{id}/contents/{slot}",
        (_, Some("contents"), Some(_), Some("parts"), None) => "/api/v1/documents/{id}/contents/{slot}/parts",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to one version, or to something of it.
fn of_version(first: &str, below: Option<&str>, further: Option<&str>) -> &'static str {
    match (first, below, further) {
        ("dossiers", None, None) => "/api/v1/dossiers/{id}/versions/{number}",
        ("dossiers", Some("members"), None) => "/api/v1/dossiers/{id}/versions/{number}/members",
        ("dossiers", Some("differences"), None) => "/api/v1/dossiers/{id}/versions/{number}/differences",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to what keeps an object.
fn of_keeping(what: &str) -> &'static str {
    match what {
        "lock" => "/api/v1/objects/{id}/lock",
        "retention" => "/api/v1/objects/{id}/retention",
        _ => "/api/v1/objects/{id}/retention-events",
    }
}

/// Returns the pattern of a path that leads to legal holds.
fn of_legal_hold(is_of_one: bool, below: Option<&str>, is_of_an_object: bool) -> &'static str {
    match (is_of_one, below, is_of_an_object) {
        (false, ..) => "/api/v1/legal-holds",
        (true, None, _) => "/api/v1/legal-holds/{id}",
        (true, Some("objects"), false) => "/api/v1/legal-holds/{id}/objects",
        (true, Some("objects"), true) => "/api/v1/legal-holds/{id}/objects/{object}",
        (true, Some("release"), false) => "/api/v1/legal-holds/{id}/release",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to users, or to what they take.
fn of_user(place: (Further<'_>, Further<'_>, Further<'_>, Further<'_>)) -> &'static str {
    match place {
        (Some("usage"), None, None, None) => "/api/v1/usage",
        (Some("usage"), Some("recounts"), None, None) => "/api/v1/usage/recounts",
        (Some("users"), None, None, None) => "/api/v1/users",
        (Some("users"), Some("me"), Some("password"), None) => "/api/v1/users/me/password",
        (Some("users"), Some(_), None, None) => "/api/v1/users/{id}",
        (Some("users"), Some(_), Some("quota"), None) => "/api/v1/users/{id}/quota",
        (Some("users"), Some(_), Some("hand-overs"), None) => "/api/v1/users/{id}/hand-overs",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to imports.
fn of_import(is_of_one: bool, act: Option<&str>) -> &'static str {
    match (is_of_one, act) {
        (false, _) => "/api/v1/imports",
        (true, None) => "/api/v1/imports/{id}",
        (true, Some("check")) => "/api/v1/imports/{id}/check",
        (true, Some("files")) => "/api/v1/imports/{id}/files",
        (true, Some("finish")) => "/api/v1/imports/{id}/finish",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to the trash.
fn of_trashed(is_of_one: bool, act: Option<&str>) -> &'static str {
    match (is_of_one, act) {
        (false, _) => "/api/v1/trash",
        (true, None) => "/api/v1/trash/{id}",
        (true, Some("restore")) => "/api/v1/trash/{id}/restore",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to what people put on an object.
fn of_notes(what: &str, one: Option<&str>, further: Option<&str>) -> &'static str {
    match (what, one, further) {
        ("comments", None, _) => "/api/v1/objects/{id}/comments",
        ("tags", None, _) => "/api/v1/objects/{id}/tags",
        ("tags", Some(_), None) => "/api/v1/objects/{id}/tags/{tag}",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to one of it, or to all tags.
fn of_note(place: (Further<'_>, Further<'_>, Further<'_>)) -> &'static str {
    match place {
        (Some("comments"), Some(_), None) => "/api/v1/comments/{id}",
        (Some("annotations"), Some(_), None) => "/api/v1/annotations/{id}",
        (Some("tags"), None, None) => "/api/v1/tags",
        (Some("tags"), Some("objects"), None) => "/api/v1/tags/objects",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to what people keep for themselves.
fn of_kept(place: (Further<'_>, Further<'_>, Further<'_>, Further<'_>), further: Further<'_>) -> &'static str {
    match (place, further) {
        ((Some("collections"), None, ..), _) => "/api/v1/collections",
        ((Some("collections"), Some(_), None, _), _) => "/api/v1/collections/{id}",
        ((Some("collections"), Some(_), Some("items"), None), _) => "/api/v1/collections/{id}/items",
        ((Some("collections"), Some(_), Some("items"), Some(_)), None) => "/api/v1/collections/{id}/items/{object}",
        ((Some("saved-searches"), None, ..), _) => "/api/v1/saved-searches",
        ((Some("saved-searches"), Some(_), None, _), _) => "/api/v1/saved-searches/{id}",
        ((Some("saved-searches"), Some(_), Some("results"), None), _) => "/api/v1/saved-searches/{id}/results",
        ((Some("subscriptions"), None, ..), _) => "/api/v1/subscriptions",
        ((Some("subscriptions"), Some(_), None, _), _) => "/api/v1/subscriptions/{id}",
        ((Some("notifications"), None, ..), _) => "/api/v1/notifications",
        ((Some("notifications"), Some("read"), None, _), _) => "/api/v1/notifications/read",
        ((Some("notifications"), Some(_), None, _), _) => "/api/v1/notifications/{id}",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to bulk actions.
fn of_bulk_action(id: Option<&str>, below: Option<&str>) -> &'static str {
    match (id, below) {
        (None, None) => "/api/v1/bulk-actions",
        (Some(_), None) => "/api/v1/bulk-actions/{id}",
        (Some(_), Some("abort")) => "/api/v1/bulk-actions/{id}/abort",
        (Some(_), Some("items")) => "/api/v1/bulk-actions/{id}/items",
        (Some(_), Some("review")) => "/api/v1/bulk-actions/{id}/review",
        _ => "other",
    }
}

/// What follows in a path.
type Further<'a> = Option<&'a str>;

/// Returns the pattern of a path that leads to webhooks, or to what was sent by one.
fn of_webhook(place: (Further<'_>, Further<'_>, Further<'_>), rest: (Further<'_>, Further<'_>)) -> &'static str {
    match (place, rest) {
        ((None, None, None), _) => "/api/v1/webhooks",
        ((Some(_), None, None), _) => "/api/v1/webhooks/{id}",
        ((Some(_), Some("ping"), None), _) => "/api/v1/webhooks/{id}/ping",
        ((Some(_), Some("secret"), None), _) => "/api/v1/webhooks/{id}/secret",
        ((Some(_), Some("deliveries"), None), _) => "/api/v1/webhooks/{id}/deliveries",
        ((Some(_), Some("deliveries"), Some("replay")), (None, None)) => "/api/v1/webhooks/{id}/deliveries/replay",
        ((Some(_), Some("deliveries"), Some(_)), (Some("replay"), None)) => {
            "/api/v1/webhooks/{id}/deliveries/{delivery}/replay"
        }
        _ => "other",
    }
}

fn outside(path: &str) -> &'static str {
    match path {
        "/health/live" => "/health/live",
        "/health/ready" => "/health/ready",
        "/metrics" => "/metrics",
        _ if path.starts_with("/api/") => "other",
        _ => "/",
    }
}

/// Returns the pattern of a path below `/api/v1/exports`.
fn of_export(is_of_one: bool, act: Option<&str>) -> &'static str {
    match (is_of_one, act) {
        (false, None) => "/api/v1/exports",
        (true, None) => "/api/v1/exports/{id}",
        (true, Some("abort")) => "/api/v1/exports/{id}/abort",
        (true, Some("content")) => "/api/v1/exports/{id}/content",
        _ => "other",
    }
}
