//! The tables of what people keep for themselves, as diesel sees them; they follow `schema/core/migrations`.

#![allow(missing_docs)]

use diesel::{allow_tables_to_appear_in_same_query, table};

use super::schema::{collection, object, principal};

table! {
    saved_search (no) {
        no -> BigInt,
        id -> Text,
        owner_no -> BigInt,
        name -> Text,
        search -> Text,
        change_token -> BigInt,
        created_at -> BigInt,
        modified_at -> BigInt,
    }
}

table! {
    subscription (no) {
        no -> BigInt,
        id -> Text,
        owner_no -> BigInt,
        kind -> Text,
        target_id -> Text,
        own_changes -> Bool,
        from_position -> BigInt,
        change_token -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    notification (no) {
        no -> BigInt,
        id -> Text,
        owner_no -> BigInt,
        subscription_id -> Text,
        log_identity -> Text,
        position -> BigInt,
        change_kind -> Text,
        object_no -> BigInt,
        object_id -> Text,
        scope_no -> BigInt,
        made_by -> BigInt,
        made_at -> BigInt,
        read_at -> Nullable<BigInt>,
    }
}

table! {
    subscription_place (no) {
        no -> Integer,
        log_identity -> Text,
        position -> BigInt,
    }
}

table! {
    share (subject_id, principal_no) {
        subject_id -> Text,
        principal_no -> BigInt,
        may_write -> Bool,
    }
}

allow_tables_to_appear_in_same_query!(subscription, object);
allow_tables_to_appear_in_same_query!(subscription, collection);
allow_tables_to_appear_in_same_query!(subscription, principal);
allow_tables_to_appear_in_same_query!(subscription, saved_search);
allow_tables_to_appear_in_same_query!(share, collection);
allow_tables_to_appear_in_same_query!(share, saved_search);
allow_tables_to_appear_in_same_query!(saved_search, principal);
