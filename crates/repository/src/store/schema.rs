//! The tables of the core, as diesel sees them; they follow `schema/core/migrations`.

#![allow(missing_docs)]

use diesel::{allow_columns_to_appear_in_same_group_by_clause, allow_tables_to_appear_in_same_query, joinable, table};

table! {
    repository_info (key) {
        key -> Text,
        value -> Text,
    }
}

table! {
    principal (no) {
        no -> BigInt,
        id -> Text,
        kind -> Text,
        name -> Text,
        name_key -> Binary,
        display_name -> Text,
        epoch -> BigInt,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
    }
}

table! {
    user_credential (principal_no) {
        principal_no -> BigInt,
        password_hash -> Text,
        must_change -> Bool,
        changed_at -> BigInt,
    }
}

table! {
    group_member (group_no, member_no) {
        group_no -> BigInt,
        member_no -> BigInt,
    }
}

table! {
    session (no) {
        no -> BigInt,
        id -> Text,
        kind -> Text,
        principal_no -> BigInt,
        principal_epoch -> BigInt,
        token_digest -> Binary,
        csrf_token -> Nullable<Text>,
        label -> Text,
        created_at -> BigInt,
        seen_at -> BigInt,
        expires_at -> BigInt,
    }
}

table! {
    acl_row (no) {
        no -> BigInt,
        parent_no -> Nullable<BigInt>,
        inherits -> Bool,
    }
}

table! {
    acl_entry (no) {
        no -> BigInt,
        acl_row_no -> BigInt,
        list -> Text,
        ordinal -> Integer,
        principal_no -> BigInt,
        permission -> Text,
        grants -> Bool,
        begin_at -> Nullable<BigInt>,
        end_at -> Nullable<BigInt>,
    }
}

table! {
    acl_change (no) {
        no -> BigInt,
        acl_row_no -> Nullable<BigInt>,
        scope_no -> Nullable<BigInt>,
        at -> BigInt,
    }
}

table! {
    scope (no) {
        no -> BigInt,
        kind -> Text,
        acl_row_no -> BigInt,
        parent_no -> Nullable<BigInt>,
    }
}

table! {
    version_series (no) {
        no -> BigInt,
        id -> Text,
        scope_no -> BigInt,
        latest_major -> Integer,
        latest_minor -> Integer,
        checked_out_by -> Nullable<BigInt>,
        clock -> BigInt,
        destroyed_major -> Integer,
        destroyed_minor -> Integer,
    }
}

table! {
    object (no) {
        no -> BigInt,
        id -> Text,
        base -> Text,
        role -> Text,
        type_id -> Text,
        series_no -> Nullable<BigInt>,
        scope_no -> BigInt,
        name -> Text,
        title -> Text,
        properties -> Text,
        state -> Nullable<Text>,
        change_token -> BigInt,
        created_at -> BigInt,
        created_by -> BigInt,
        modified_at -> BigInt,
        modified_by -> BigInt,
        trashed_at -> Nullable<BigInt>,
        trashed_by -> Nullable<BigInt>,
        source_system -> Nullable<Text>,
        source_id -> Nullable<Text>,
        trashed_with -> Nullable<BigInt>,
        unfiled_at -> Nullable<BigInt>,
    }
}

table! {
    object_facet (object_no, facet_id) {
        object_no -> BigInt,
        facet_id -> Text,
    }
}

table! {
    version (object_no) {
        object_no -> BigInt,
        series_no -> BigInt,
        major -> Integer,
        minor -> Integer,
        comment -> Text,
        made_at -> BigInt,
        made_by -> BigInt,
        retain_until -> Nullable<BigInt>,
        legal_hold -> Bool,
        record_at -> Nullable<BigInt>,
    }
}

table! {
    retention_event (object_no, event) {
        object_no -> BigInt,
        event -> Text,
        period -> Text,
    }
}

table! {
    legal_hold (no) {
        no -> BigInt,
        id -> Text,
        name -> Text,
        reason -> Text,
        created_at -> BigInt,
        created_by -> BigInt,
        released_at -> Nullable<BigInt>,
        released_by -> Nullable<BigInt>,
        release_reason -> Nullable<Text>,
    }
}

table! {
    held_version (hold_no, object_no) {
        hold_no -> BigInt,
        object_no -> BigInt,
        held_at -> BigInt,
        held_by -> BigInt,
    }
}

table! {
    disposition (action_no) {
        action_no -> BigInt,
        reviewed_at -> Nullable<BigInt>,
        reviewed_by -> Nullable<BigInt>,
        is_approved -> Nullable<Bool>,
        comment -> Text,
    }
}

table! {
    filing (no) {
        no -> BigInt,
        parent_no -> BigInt,
        child_no -> BigInt,
        name -> Text,
        name_digest -> Binary,
        ordinal -> BigInt,
        is_primary -> Bool,
        is_trashed -> Bool,
        filed_at -> BigInt,
    }
}

table! {
    dossier_version (no) {
        no -> BigInt,
        id -> Text,
        dossier_no -> BigInt,
        number -> Integer,
        comment -> Text,
        name -> Text,
        title -> Text,
        properties -> Text,
        position -> BigInt,
        digest -> Binary,
        made_at -> BigInt,
        made_by -> BigInt,
        manifest -> Nullable<Text>,
        format -> Integer,
    }
}

table! {
    dossier_version_member (dossier_version_no, ordinal) {
        dossier_version_no -> BigInt,
        ordinal -> Integer,
        live_no -> BigInt,
        version_no -> Nullable<BigInt>,
        name -> Text,
        parent_no -> Nullable<BigInt>,
    }
}

table! {
    property (no) {
        no -> BigInt,
        id -> Text,
    }
}

table! {
    property_value (object_no, property_no, ordinal) {
        object_no -> BigInt,
        property_no -> BigInt,
        ordinal -> Integer,
        text_key -> Nullable<Binary>,
        int_value -> Nullable<BigInt>,
        real_value -> Nullable<Double>,
        instant -> Nullable<BigInt>,
    }
}

table! {
    type_definition (id) {
        id -> Text,
        definition -> Text,
        version -> BigInt,
    }
}

table! {
    vocabulary_definition (id) {
        id -> Text,
        definition -> Text,
        version -> BigInt,
    }
}

table! {
    blob (no) {
        no -> BigInt,
        digest -> Text,
        generation -> Integer,
        size_bytes -> BigInt,
        created_at -> BigInt,
        condemned_at -> Nullable<BigInt>,
        verified_at -> Nullable<BigInt>,
    }
}

table! {
    blob_lease (id) {
        id -> Text,
        holder -> Text,
        expires_at -> BigInt,
    }
}

table! {
    content (object_no, slot) {
        object_no -> BigInt,
        slot -> Text,
        blob_no -> BigInt,
        media_type -> Text,
        file_name -> Text,
        file_name_raw -> Nullable<Binary>,
    }
}

table! {
    rendition (no) {
        no -> BigInt,
        source_digest -> Text,
        kind -> Text,
        producer -> Text,
        parameters -> Text,
        state -> Text,
        blob_no -> Nullable<BigInt>,
        page_count -> Nullable<Integer>,
        faults -> Text,
        updated_at -> BigInt,
        pages_with_text -> Nullable<Integer>,
    }
}

table! {
    change (no) {
        no -> BigInt,
        position -> Nullable<BigInt>,
        transaction_id -> Text,
        at -> BigInt,
        kind -> Text,
        audit_only -> Bool,
        object_no -> Nullable<BigInt>,
        object_id -> Nullable<Text>,
        series_no -> Nullable<BigInt>,
        scope_no -> Nullable<BigInt>,
        principal_no -> BigInt,
        before_json -> Nullable<Text>,
        after_json -> Nullable<Text>,
        detail -> Text,
        values_digest -> Binary,
        chain -> Nullable<Binary>,
    }
}

table! {
    change_seal (day) {
        day -> Text,
        position -> BigInt,
        merkle_root -> Binary,
    }
}

table! {
    job (no) {
        no -> BigInt,
        id -> Text,
        kind -> Text,
        payload -> Text,
        dedupe_key -> Nullable<Text>,
        state -> Text,
        priority -> Integer,
        attempts -> Integer,
        run_after -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        progress -> Nullable<Text>,
        reason -> Nullable<Text>,
        created_at -> BigInt,
        created_by -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
    }
}

table! {
    import_source (no) {
        no -> BigInt,
        principal_no -> BigInt,
        name -> Text,
        folder_no -> BigInt,
    }
}

table! {
    import_entry (source_no, path_digest) {
        source_no -> BigInt,
        path_digest -> Binary,
        path -> Text,
        blob_digest -> Text,
        document_no -> BigInt,
        taken_at -> BigInt,
    }
}

table! {
    import_run (no) {
        no -> BigInt,
        id -> Text,
        source_no -> BigInt,
        folder_name -> Text,
        state -> Text,
        created_count -> BigInt,
        version_count -> BigInt,
        taken_count -> BigInt,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

table! {
    import_fault (run_no, path, code) {
        run_no -> BigInt,
        path -> Text,
        code -> Text,
        reason -> Text,
    }
}

table! {
    idempotency (principal_no, key) {
        principal_no -> BigInt,
        key -> Text,
        request_digest -> Binary,
        object_id -> Text,
        created_at -> BigInt,
    }
}

table! {
    bulk_action (no) {
        no -> BigInt,
        id -> Text,
        job_id -> Text,
        principal_no -> BigInt,
        statement -> Text,
        act -> Text,
        created_at -> BigInt,
        counted_at -> Nullable<BigInt>,
        aborted_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        total_count -> BigInt,
        done_count -> BigInt,
        failed_count -> BigInt,
        skipped_count -> BigInt,
    }
}

table! {
    object_lock (object_no) {
        object_no -> BigInt,
        owner_no -> BigInt,
        locked_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        comment -> Text,
    }
}

table! {
    bulk_item (action_no, ordinal) {
        action_no -> BigInt,
        ordinal -> BigInt,
        object_id -> Text,
        outcome -> Nullable<Text>,
        code -> Nullable<Text>,
        detail -> Nullable<Text>,
        evidence -> Nullable<Text>,
    }
}

table! {
    arrangement (object_no) {
        object_no -> BigInt,
        digest -> Text,
        page_count -> Integer,
        pages -> Text,
    }
}

table! {
    arrangement_source (object_no, blob_no) {
        object_no -> BigInt,
        blob_no -> BigInt,
    }
}

table! {
    upload (no) {
        no -> BigInt,
        id -> Text,
        principal_no -> BigInt,
        length_bytes -> BigInt,
        offset_bytes -> BigInt,
        metadata -> Text,
        file_name -> Text,
        announced -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        digest -> Nullable<Text>,
    }
}

table! {
    upload_part (upload_no, begins_at) {
        upload_no -> BigInt,
        begins_at -> BigInt,
        blob_no -> BigInt,
    }
}

table! {
    export (no) {
        no -> BigInt,
        id -> Text,
        job_id -> Text,
        principal_no -> BigInt,
        scope -> Text,
        created_at -> BigInt,
        counted_at -> Nullable<BigInt>,
        aborted_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
        total_count -> BigInt,
        done_count -> BigInt,
        left_out_count -> BigInt,
        blob_no -> Nullable<BigInt>,
        objects -> Nullable<Binary>,
        with_content -> Nullable<Binary>,
    }
}

table! {
    relationship (object_no) {
        object_no -> BigInt,
        source_no -> BigInt,
        target_no -> BigInt,
    }
}

table! {
    webhook (no) {
        no -> BigInt,
        id -> Text,
        owner_no -> BigInt,
        name -> Text,
        url -> Text,
        secret -> Text,
        filter -> Text,
        state -> Text,
        code -> Nullable<Text>,
        detail -> Nullable<Text>,
        change_token -> BigInt,
        created_at -> BigInt,
        log_identity -> Text,
        position -> BigInt,
        next_at -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> BigInt,
    }
}

table! {
    webhook_delivery (no) {
        no -> BigInt,
        id -> Text,
        webhook_no -> BigInt,
        kind -> Text,
        previous_log -> Nullable<Text>,
        after_position -> BigInt,
        to_position -> BigInt,
        state -> Text,
        attempts -> BigInt,
        code -> Nullable<Text>,
        detail -> Nullable<Text>,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

table! {
    tag (no) {
        no -> BigInt,
        id -> Text,
        object_no -> BigInt,
        label -> Text,
        label_key -> Text,
        put_by -> BigInt,
        holder_no -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    collection (no) {
        no -> BigInt,
        id -> Text,
        owner_no -> BigInt,
        is_favourites -> Bool,
        name -> Text,
        change_token -> BigInt,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

table! {
    collection_item (collection_no, object_no) {
        collection_no -> BigInt,
        object_no -> BigInt,
        ordinal -> BigInt,
        added_by -> BigInt,
        added_at -> BigInt,
    }
}

table! {
    comment (no) {
        no -> BigInt,
        id -> Text,
        object_no -> BigInt,
        thread_no -> BigInt,
        answers_no -> BigInt,
        author_no -> BigInt,
        body -> Text,
        is_resolved -> Bool,
        is_deleted -> Bool,
        change_token -> BigInt,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
    }
}

table! {
    annotation (no) {
        no -> BigInt,
        id -> Text,
        object_no -> BigInt,
        digest -> Text,
        motivation -> Text,
        body -> Nullable<Text>,
        colour -> Nullable<Text>,
        boxes -> Text,
        creator_no -> BigInt,
        change_token -> BigInt,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

table! {
    backup_run (no) {
        no -> BigInt,
        id -> Text,
        target -> Text,
        state -> Text,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        snapshot -> Nullable<Text>,
        blobs -> BigInt,
        files_new -> BigInt,
        bytes_new -> BigInt,
        reason -> Nullable<Text>,
    }
}

joinable!(content -> blob (blob_no));
joinable!(relationship -> object (object_no));
joinable!(tag -> object (object_no));
joinable!(collection_item -> object (object_no));
joinable!(filing -> object (child_no));
joinable!(acl_entry -> principal (principal_no));
joinable!(version -> object (object_no));
joinable!(object -> scope (scope_no));
joinable!(user_credential -> principal (principal_no));
joinable!(session -> principal (principal_no));
joinable!(import_run -> import_source (source_no));
joinable!(property_value -> property (property_no));

allow_columns_to_appear_in_same_group_by_clause!(
    tag::label_key,
    tag::label,
    object::scope_no,
    collection_item::collection_no
);
table! {
    quota (principal_no) {
        principal_no -> BigInt,
        bytes_max -> Nullable<BigInt>,
        objects_max -> Nullable<BigInt>,
    }
}

table! {
    space (principal_no) {
        principal_no -> BigInt,
        size_bytes -> BigInt,
        object_count -> BigInt,
    }
}

table! {
    series_blob (series_no, blob_no) {
        series_no -> BigInt,
        blob_no -> BigInt,
        principal_no -> BigInt,
        size_bytes -> BigInt,
        uses -> BigInt,
    }
}

table! {
    space_change (no) {
        no -> BigInt,
        transaction_no -> BigInt,
        principal_no -> BigInt,
        size_bytes -> BigInt,
        object_count -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(
    repository_info,
    principal,
    user_credential,
    group_member,
    session,
    acl_row,
    acl_entry,
    acl_change,
    scope,
    version_series,
    object,
    object_facet,
    version,
    filing,
    dossier_version,
    dossier_version_member,
    property,
    property_value,
    type_definition,
    vocabulary_definition,
    blob,
    blob_lease,
    content,
    rendition,
    change,
    change_seal,
    job,
    import_source,
    import_entry,
    import_run,
    import_fault,
    idempotency,
    bulk_action,
    bulk_item,
    arrangement,
    arrangement_source,
    upload,
    upload_part,
    export,
    relationship,
    tag,
    collection,
    collection_item,
    comment,
    annotation,
    webhook,
    webhook_delivery,
    object_lock,
    retention_event,
    legal_hold,
    held_version,
    disposition,
    quota,
    space,
    series_blob,
    space_change,
);
