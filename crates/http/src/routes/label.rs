//! The pattern that a path belongs to, for metrics and logs: found without a search through all routes.

/// Returns the pattern of `path`, or `other`. Tests compare it with the OpenAPI document.
pub fn of(path: &str) -> &'static str {
    let Some(rest) = path.strip_prefix("/api/v1/") else { return outside(path) };
    let mut segments = rest.split('/');
    let place = (segments.next(), segments.next(), segments.next(), segments.next());
    match place {
        (Some("documents"), Some(_), None, None) => "/api/v1/documents/{id}",
        (Some("documents"), Some(_), Some("content"), None) => "/api/v1/documents/{id}/content",
        (Some("documents"), Some(_), Some("contents"), None) => "/api/v1/documents/{id}/contents",
        (Some("documents"), Some(_), Some("contents"), Some(_)) => match (segments.next(), segments.next()) {
            (None, _) => "/api/v1/documents/{id}/contents/{slot}",
            (Some("parts"), None) => "/api/v1/documents/{id}/contents/{slot}/parts",
            _ => "other",
        },
        (Some("documents"), Some(_), Some("versions"), None) => "/api/v1/documents/{id}/versions",
        (Some("documents"), Some(_), Some("working-copy"), None) => "/api/v1/documents/{id}/working-copy",
        (Some("documents"), Some(_), Some("text"), None) => "/api/v1/documents/{id}/text",
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
        (Some("search"), None, None, None) => "/api/v1/search",
        (Some("queries"), None, None, None) => "/api/v1/queries",
        (Some("blobs"), Some("sha256"), Some(_), None) => "/api/v1/blobs/sha256/{hex}",
        (Some("sessions"), None, None, None) => "/api/v1/sessions",
        (Some("sessions"), Some("current"), None, None) => "/api/v1/sessions/current",
        (Some("users"), None, None, None) => "/api/v1/users",
        (Some("users"), Some("me"), Some("password"), None) => "/api/v1/users/me/password",
        (Some("users"), Some(_), None, None) => "/api/v1/users/{id}",
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
        (Some("objects"), Some(_), Some("place"), None) => "/api/v1/objects/{id}/place",
        (Some("objects"), Some(_), Some("primary-parent"), None) => "/api/v1/objects/{id}/primary-parent",
        (Some("objects"), Some(_), Some("parents"), Some(_)) => "/api/v1/objects/{id}/parents/{folder}",
        (Some("unfiled"), None, None, None) => "/api/v1/unfiled",
        (Some("trash"), None, None, None) => "/api/v1/trash",
        (Some("trash"), Some(_), None, None) => "/api/v1/trash/{id}",
        (Some("trash"), Some(_), Some("restore"), None) => "/api/v1/trash/{id}/restore",
        (Some("changes"), None, None, None) => "/api/v1/changes",
        (Some("changes"), Some("events"), None, None) => "/api/v1/changes/events",
        (Some("audit-entries"), None, None, None) => "/api/v1/audit-entries",
        (Some("audit-entries"), Some(_), Some("proof"), None) => "/api/v1/audit-entries/{position}/proof",
        (Some("seals"), None, None, None) => "/api/v1/seals",
        (Some("bulk-actions"), None, None, None) => "/api/v1/bulk-actions",
        (Some("bulk-actions"), Some(_), None, None) => "/api/v1/bulk-actions/{id}",
        (Some("bulk-actions"), Some(_), Some("abort"), None) => "/api/v1/bulk-actions/{id}/abort",
        (Some("bulk-actions"), Some(_), Some("items"), None) => "/api/v1/bulk-actions/{id}/items",
        (Some("webhooks"), None, None, None) => "/api/v1/webhooks",
        (Some("webhooks"), Some(_), None, None) => "/api/v1/webhooks/{id}",
        (Some("webhooks"), Some(_), Some("ping"), None) => "/api/v1/webhooks/{id}/ping",
        (Some("webhooks"), Some(_), Some("secret"), None) => "/api/v1/webhooks/{id}/secret",
        (Some("webhooks"), Some(_), Some("deliveries"), None) => "/api/v1/webhooks/{id}/deliveries",
        (Some("webhooks"), Some(_), Some("deliveries"), Some(last)) => of_delivery(last, segments.next(), segments.next()),
        (Some("jobs"), None, None, None) => "/api/v1/jobs",
        (Some("jobs"), Some(_), None, None) => "/api/v1/jobs/{id}",
        (Some("imports"), None, None, None) => "/api/v1/imports",
        (Some("imports"), Some(_), None, None) => "/api/v1/imports/{id}",
        (Some("imports"), Some(_), Some("check"), None) => "/api/v1/imports/{id}/check",
        (Some("imports"), Some(_), Some("files"), None) => "/api/v1/imports/{id}/files",
        (Some("imports"), Some(_), Some("finish"), None) => "/api/v1/imports/{id}/finish",
        (Some("openapi.json"), None, None, None) => "/api/v1/openapi.json",
        (Some(first), Some(_), Some("versions"), Some(_)) => of_version(first, segments.next(), segments.next()),
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to one version, or to something of it.
fn of_version(first: &str, below: Option<&str>, further: Option<&str>) -> &'static str {
    match (first, below, further) {
        ("documents", None, None) => "/api/v1/documents/{id}/versions/{version}",
        ("dossiers", None, None) => "/api/v1/dossiers/{id}/versions/{number}",
        ("dossiers", Some("members"), None) => "/api/v1/dossiers/{id}/versions/{number}/members",
        ("dossiers", Some("differences"), None) => "/api/v1/dossiers/{id}/versions/{number}/differences",
        _ => "other",
    }
}

/// Returns the pattern of a path that leads to deliveries of a webhook, to be sent again.
fn of_delivery(first: &str, below: Option<&str>, further: Option<&str>) -> &'static str {
    match (first, below, further) {
        ("replay", None, None) => "/api/v1/webhooks/{id}/deliveries/replay",
        (_, Some("replay"), None) => "/api/v1/webhooks/{id}/deliveries/{delivery}/replay",
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
