//! The core's routes, one file for each group of resources; the lists here are all there are.

mod acl;
pub mod annotation_model;
mod annotations;
mod arrangements;
mod audit;
mod backups;
mod bulk_actions;
mod changes;
pub mod collections;
pub mod comments;
mod content;
mod contents;
mod documents;
mod dossier_versions;
mod dossiers;
mod exports;
mod folders;
pub mod groups;
mod imports;
mod jobs;
pub mod label;
mod legal_holds;
mod life_cycle;
pub mod locks;
pub mod object;
mod objects;
mod permissions;
mod queries;
pub mod quotas;
mod relationships;
pub mod retention;
pub mod saved_searches;
mod search;
mod sessions;
mod sharing;
pub mod subscriptions;
pub mod tags;
mod trash;
pub mod types;
pub(crate) mod uploads;
pub mod users;
mod versioning;
mod versions;
pub mod vocabularies;
pub mod webhooks;
mod working_copies;

use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, get};

pub(crate) use changes::Change;

use crate::answer::Answer;
use crate::openapi::Document;
use crate::state::AppState;
use crate::{health, metrics, web_ui};

/// Makes, of one list of handlers, what registers them and what describes them, so that no route can be served and not
/// described, nor described and not served.
macro_rules! routes {
    ($register:ident, $describe:ident, $prefix:literal, [$($handler:path),* $(,)?]) => {
        fn $register(config: &mut ServiceConfig) {
            $(config.service($handler);)*
        }

        fn $describe(document: Document) -> Document {
            document $(.add::<$handler>($prefix))*
        }
    };
}

// Those asked for most come first.
routes!(
    register_api,
    describe_api,
    "/api/v1",
    [
        documents::get_document,
        content::get_document_content,
        dossiers::list_dossiers,
        dossiers::list_dossier_contents,
        dossiers::get_dossier,
        documents::create_document,
        documents::create_unfiled_document,
        imports::update_import_file,
        search::search_objects,
        content::get_blob,
        documents::get_document_text,
        versions::list_document_versions,
        content::update_document_content,
        arrangements::get_arrangement,
        arrangements::update_arrangement,
        arrangements::delete_arrangement,
        arrangements::get_arrangement_content,
        arrangements::create_arrangement_split,
        contents::list_document_contents,
        contents::get_document_slot,
        contents::update_document_slot,
        contents::delete_document_slot,
        contents::create_document_slot_part,
        documents::update_document,
        documents::delete_document,
        versions::get_document_version,
        versions::create_document_version,
        versions::delete_document_version,
        dossier_versions::list_dossier_versions,
        dossier_versions::create_dossier_version,
        dossier_versions::get_dossier_version,
        dossier_versions::list_dossier_version_members,
        dossier_versions::list_dossier_version_differences,
        working_copies::create_working_copy,
        working_copies::get_working_copy,
        working_copies::delete_working_copy,
        dossiers::create_dossier,
        dossiers::update_dossier,
        dossiers::delete_dossier,
        folders::get_folder,
        folders::list_folder_contents,
        folders::create_folder,
        folders::create_folder_document,
        folders::update_folder,
        folders::delete_folder,
        folders::create_folder_deletion,
        objects::get_object_by_path,
        objects::get_object,
        objects::update_object_parent,
        objects::delete_object_parent,
        objects::update_object_primary_parent,
        objects::move_object,
        objects::create_object_copy,
        objects::update_object_place,
        objects::list_unfiled,
        life_cycle::list_object_transitions,
        life_cycle::create_object_transition,
        relationships::create_relationship,
        relationships::get_relationship,
        relationships::update_relationship,
        relationships::delete_relationship,
        relationships::list_object_relationships,
        tags::list_object_tags,
        tags::create_object_tag,
        tags::delete_object_tag,
        comments::list_object_comments,
        comments::create_object_comment,
        comments::get_comment,
        comments::update_comment,
        comments::delete_comment,
        annotations::list_document_annotations,
        annotations::create_document_annotation,
        annotations::get_annotation,
        annotations::update_annotation,
        annotations::delete_annotation,
        saved_searches::list_saved_searches,
        saved_searches::create_saved_search,
        saved_searches::get_saved_search,
        saved_searches::update_saved_search,
        saved_searches::delete_saved_search,
        saved_searches::get_saved_search_results,
        subscriptions::list_subscriptions,
        subscriptions::create_subscription,
        subscriptions::get_subscription,
        subscriptions::update_subscription,
        subscriptions::delete_subscription,
        subscriptions::list_notifications,
        subscriptions::update_notification,
        subscriptions::create_notifications_read,
        tags::list_tags,
        tags::list_tagged_objects,
        collections::list_collections,
        collections::create_collection,
        collections::get_collection,
        collections::update_collection,
        collections::delete_collection,
        collections::list_collection_items,
        collections::update_collection_item,
        collections::delete_collection_item,
        locks::get_object_lock,
        locks::update_object_lock,
        locks::delete_object_lock,
        retention::get_object_retention,
        retention::update_object_retention,
        retention::create_object_retention_event,
        legal_holds::create_legal_hold,
        legal_holds::list_legal_holds,
        legal_holds::get_legal_hold,
        legal_holds::list_held_objects,
        legal_holds::update_held_object,
        legal_holds::delete_held_object,
        legal_holds::update_legal_hold_release,
        users::create_user_hand_over,
        quotas::list_usage,
        quotas::create_usage_recount,
        quotas::get_quota,
        quotas::update_quota,
        trash::list_trash,
        trash::get_trashed,
        trash::restore_trashed,
        trash::delete_trashed,
        trash::delete_trash,
        sessions::create_session,
        sessions::get_session,
        sessions::delete_session,
        types::list_types,
        types::get_type,
        types::create_type,
        types::update_type,
        types::delete_type,
        vocabularies::list_vocabularies,
        vocabularies::get_vocabulary,
        vocabularies::list_terms,
        vocabularies::create_vocabulary,
        vocabularies::update_vocabulary,
        vocabularies::delete_vocabulary,
        acl::get_acl,
        acl::update_acl,
        acl::update_named_acl,
        acl::delete_named_acl,
        acl::get_access_explanation,
        permissions::list_permissions,
        queries::create_query,
        bulk_actions::create_bulk_action,
        bulk_actions::list_bulk_actions,
        bulk_actions::get_bulk_action,
        bulk_actions::update_bulk_action_abort,
        bulk_actions::create_bulk_action_review,
        bulk_actions::list_bulk_action_items,
        exports::create_export,
        exports::list_exports,
        exports::get_export,
        exports::update_export_abort,
        exports::delete_export,
        exports::get_export_content,
        exports::create_bag_import,
        changes::list_changes,
        changes::list_change_events,
        webhooks::list_webhooks,
        webhooks::create_webhook,
        webhooks::get_webhook,
        webhooks::update_webhook,
        webhooks::delete_webhook,
        webhooks::create_webhook_secret,
        webhooks::create_webhook_ping,
        webhooks::list_webhook_deliveries,
        webhooks::create_webhook_replays,
        webhooks::create_webhook_replay,
        backups::list_backups,
        backups::create_backup_run,
        backups::list_backup_runs,
        audit::list_audit_entries,
        audit::get_audit_proof,
        audit::list_seals,
        audit::create_seal,
        jobs::list_jobs,
        jobs::get_job,
        uploads::get_upload_options,
        uploads::create_upload,
        uploads::list_uploads,
        uploads::get_upload,
        uploads::update_upload,
        uploads::update_upload_by_post,
        uploads::delete_upload,
        imports::create_import,
        imports::get_import,
        imports::check_import,
        imports::finish_import,
        users::update_password,
        users::list_users,
        users::create_user,
        users::get_user,
        users::update_user,
        groups::list_groups,
        groups::create_group,
        groups::get_group,
        groups::update_group,
        groups::delete_group,
        groups::update_group_members,
        get_openapi,
    ]
);

routes!(register_outside, describe_outside, "", [health::get_liveness, health::get_readiness, metrics::get_metrics]);

/// Registers everything: the core under `/api/v1`, the modules below their names, health, and the web application.
pub(crate) fn register(config: &mut ServiceConfig, state: &AppState) {
    let mut api = web::scope("/api/v1").configure(register_api);
    for module in state.modules() {
        api = api.service(web::scope(&format!("/{}", module.name)).configure(module.configure));
    }
    config.service(api.default_service(web::to(health::nothing_here)));
    register_outside(config);
    config.service(web::scope("/api").default_service(web::to(health::nothing_here)));
    config.default_service(web::to(web_ui::serve));
}

/// Returns the description of the core's routes.
pub(crate) fn describe() -> Document {
    describe_outside(describe_api(Document::default()))
}

/// Returns which methods are taken at `path`, if any, with commas between.
pub(crate) fn methods_at(path: &str) -> Option<String> {
    static KNOWN: LazyLock<Vec<(ResourceDef, String)>> = LazyLock::new(|| {
        let methods = describe().methods();
        methods.into_iter().map(|(path, methods)| (ResourceDef::new(path), methods)).collect()
    });
    KNOWN.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, methods)| methods.clone())
}

/// Returns the description of this interface (OpenAPI 3.1).
#[utoipa::path(tag = "openapi", responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
#[get("/openapi.json")]
pub async fn get_openapi(state: web::Data<AppState>) -> Answer {
    Ok(HttpResponse::Ok().content_type("application/json").body(state.openapi()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_its_own_label() {
        for (path, _) in describe().methods() {
            assert_eq!(label::of(&path), path);
        }
        for path in ["/api/v1/nothing", "/api/v1/documents/1/2", "/api/v2"] {
            assert_eq!(label::of(path), "other", "{path}");
        }
        assert_eq!(label::of("/dossiers/1"), "/");
    }
}
