//! How SQLite finds what is asked for all the time: by an index, never by a walk through a table that grows.

#![allow(clippy::unwrap_used, irrefutable_let_patterns, reason = "tests; without PostgreSQL there is one database")]

use std::sync::{Arc, Mutex};

use cartulary_db::Conn;
use cartulary_db::testing::sqlite_database;
use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{
    acl, blobs, changes, declarations, dossier_versions, filing, imports, jobs, objects, query, renditions, trash,
    versions,
};
use crate::{CORE_MIGRATIONS, Result};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Returns what SQLite would do for each statement of `act`.
fn plans_of(act: impl FnOnce(&mut Conn) -> Result<()>) -> Vec<String> {
    let test = sqlite_database(&[CORE_MIGRATIONS]);
    let mut conn = test.connect();
    let Conn::Sqlite(sqlite) = &mut conn else { return Vec::new() };
    let texts = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&texts);
    sqlite.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default().to_owned();
            kept.lock().unwrap().push(text);
        }
    });
    act(&mut conn).unwrap();
    let Conn::Sqlite(sqlite) = &mut conn else { return Vec::new() };
    let texts = std::mem::take(&mut *texts.lock().unwrap());
    let explain = |text: String| {
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}")).load(sqlite).unwrap();
        steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("; ")
    };
    texts.into_iter().map(explain).collect()
}

fn check(expect: &[&str], act: impl FnOnce(&mut Conn) -> Result<()>) {
    let plans = plans_of(act);
    assert_eq!(plans.len(), expect.len(), "{plans:?}");
    for (plan, expect) in plans.iter().zip(expect) {
        assert!(plan.contains(expect), "{plan}\nhas no\n{expect}");
        let walks = plan.split("; ").any(|step| step.starts_with("SCAN") && !step.contains("json_each"));
        assert!(!walks || plan.contains("CONSTANT ROW"), "{plan}");
    }
}

#[test]
fn a_name_is_found_in_its_folder_without_a_walk_through_the_folder() {
    check(&["INDEX filing_by_name (parent_no=? AND name_digest=?)"; 2], |conn| {
        filing::is_taken(conn, 1, "a")?;
        filing::child_by_name(conn, 1, "a").map(drop)
    });
}

#[test]
fn a_search_asks_for_what_was_rescoped_without_a_walk_through_the_log() {
    check(&["position>?", "position=?"], |conn| changes::rescoped_after(conn, 1).map(drop));
}

#[test]
fn what_has_no_position_is_numbered_without_a_walk_through_the_log() {
    check(&["(position=?)", "(position=?)", "(position=?)", "sqlite_autoindex_change_1", "(position=?)"], |conn| {
        changes::unnumbered(conn, 1)?;
        changes::has_unnumbered(conn)?;
        changes::unnumbered_objects(conn)?;
        changes::last(conn).map(drop)
    });
}

#[test]
fn texts_that_nobody_counted_are_found_without_a_walk_through_all_of_them() {
    check(&["INDEX rendition_uncounted"], |conn| renditions::uncounted(conn, 0, 10).map(drop));
}

#[test]
fn papers_that_wait_for_their_text_are_counted_without_a_walk_through_all_of_them() {
    check(&["INDEX rendition_by_state (kind=? AND state=?)"], |conn| {
        renditions::scopes_waiting(conn, "text", "p", 10).map(drop)
    });
}

#[test]
fn garbage_is_looked_for_in_one_part_of_the_digests() {
    check(&["sqlite_autoindex_blob_1 (digest>? AND digest<?)"], |conn| {
        blobs::unbound(conn, blobs::Part(0xab), "ab", 1, 10).map(drop)
    });
}

#[test]
fn working_copies_and_versions_are_found_in_their_series() {
    let by_number = "sqlite_autoindex_version_1 (series_no=?";
    let expect = ["INDEX object_by_series (series_no=? AND role=?)", "object_working", by_number, by_number];
    check(&expect, |conn| {
        objects::working_of_series(conn, 1)?;
        objects::working_page(conn, 1, 10)?;
        versions::of_series(conn, 1, versions::Which::Latest)?;
        versions::of_series(conn, 1, versions::Which::Numbered(1, 0)).map(drop)
    });
    check(&["dossier_version_member_by_version (version_no=?)"], |conn| dossier_versions::is_named(conn, 1).map(drop));
}

#[test]
fn versions_of_a_dossier_and_what_they_name_come_by_an_index() {
    let numbered = "(dossier_no=?";
    let expect = [numbered, numbered, numbered, "(dossier_version_no=?)", "filing_by_order (parent_no=?)"];
    check(&expect, |conn| {
        dossier_versions::window(conn, 1, 0, 10)?;
        dossier_versions::by_number(conn, 1, 1)?;
        dossier_versions::members(conn, 1)?;
        dossier_versions::children(conn, 1, 10).map(drop)
    });
    check(&["(child_no=? AND parent_no=?)"], |conn| dossier_versions::child(conn, 1, 2).map(drop));
}

#[test]
fn a_dossier_as_it_stood_is_found_in_the_log_by_its_indexes() {
    let of_object = "change_by_object (object_no=?";
    check(&[of_object, of_object, "change_left", "filing_by_order (parent_no=?"], |conn| {
        changes::of_objects_since(conn, &[1, 2], 1)?;
        changes::before(conn, 1, "a", 9, 10)?;
        changes::left_since(conn, "a", 1, 10)?;
        dossier_versions::all_children(conn, 1, 10).map(drop)
    });
}

#[test]
fn live_objects_of_a_type_come_by_their_index() {
    check(&["INDEX object_by_type (type_id=?)"], |conn| objects::orders_by_type(conn, &["a".to_owned()]).map(drop));
}

#[test]
fn what_uses_a_type_or_a_facet_is_found_without_a_walk_through_all_objects() {
    let expect = ["INDEX object_by_type (type_id=?)", "INDEX object_facet_by_facet (facet_id=?)", "object_facet"];
    check(&expect, |conn| {
        declarations::has_objects(conn, &["a".to_owned(), "b".to_owned()])?;
        declarations::is_attached(conn, "a")?;
        objects::facets_of_series(conn, 1).map(drop)
    });
}

/// Every statement of a new document is prepared once for each connection: diesel tells what it keeps.
#[test]
fn what_is_written_all_the_time_is_not_parsed_each_time() {
    let test = sqlite_database(&[CORE_MIGRATIONS]);
    let mut conn = test.connect();
    let seen: Arc<Mutex<(Vec<String>, Vec<String>)>> = Arc::default();
    let noted = Arc::clone(&seen);
    let Conn::Sqlite(sqlite) = &mut conn else { return };
    sqlite.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let mut seen = noted.lock().unwrap();
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                seen.0.push(query.to_string().split(" -- binds").next().unwrap_or_default().trim().to_owned());
            }
            InstrumentationEvent::CacheQuery { sql, .. } => seen.1.push(sql.trim().to_owned()),
            _ => {}
        }
    });
    changes::number(&mut conn, 1, 1, &[]).unwrap();
    objects::touch(&mut conn, 1).unwrap();
    versions::put_latest(&mut conn, 1, 1, 0, 0).unwrap();
    jobs::finish(&mut conn, 1, "a", None, 1).unwrap();
    imports::add_counts(&mut conn, 1, 1, 0, 0).unwrap();
    let (started, kept) = seen.lock().unwrap().clone();
    let parsed: Vec<&String> = started.iter().filter(|text| !kept.contains(text)).collect();
    assert!(parsed.is_empty() && started.len() >= 5, "{parsed:?}");
}

#[test]
fn due_jobs_come_in_their_order_without_a_walk_through_those_that_wait() {
    let plans = plans_of(|conn| jobs::claim(conn, "a", 1, 1, 1).map(drop));
    let is_by_index = |plan: &String| plan.contains("INDEX job_due") && !plan.contains("B-TREE");
    assert!(plans.first().is_some_and(is_by_index), "{plans:?}");
}

#[test]
fn jobs_that_were_given_up_are_counted_by_an_index() {
    check(&["INDEX job_finished"], |conn| jobs::count_dead(conn).map(drop));
}

#[test]
fn the_newest_of_the_logs_and_lists_of_objects_come_by_an_index() {
    check(&["change", "object", "blob", "acl_change"], |conn| {
        changes::last_position(conn)?;
        objects::by_nos(conn, &[1, 2])?;
        blobs::living_and_next(conn, "a")?;
        acl::last_change(conn).map(drop)
    });
}

#[test]
fn the_end_of_a_large_import_walked_through_its_files_for_each_text() {
    let expect = "SEARCH rendition USING INDEX sqlite_autoindex_rendition_1 (source_digest=?";
    check(&[expect; 2], |conn| {
        imports::texts_in(conn, 1, 0, ("text", "p"), renditions::WAITING)?;
        imports::unread(conn, 1, 0, ("text", "p"), 10).map(drop)
    });
}

#[test]
fn the_trash_and_what_lies_in_no_folder_are_listed_without_a_walk_through_all_objects() {
    check(&["INDEX object_in_trash", "INDEX object_in_trash", "INDEX object_unfiled"], |conn| {
        trash::orders(conn)?;
        trash::page(conn, (0, 0), 1, 10)?;
        objects::orders_of_unfiled(conn).map(drop)
    });
}

#[test]
fn a_place_in_a_folder_of_a_million_is_found_by_its_order() {
    check(&["INDEX filing_by_order (parent_no=? AND ordinal>?)"; 1], |conn| {
        filing::from_ordinal(conn, 1, 5, 7, 1).map(drop)
    });
    check(&["INDEX filing_by_order (parent_no=? AND ordinal<?)"; 1], |conn| {
        filing::ordinal_before(conn, 1, 5, 7).map(drop)
    });
    check(&["INDEX filing_by_order (parent_no=?)"; 2], |conn| {
        filing::first_ordinal(conn, 1)?;
        filing::next_ordinal(conn, 1).map(drop)
    });
}

#[test]
fn a_tree_is_walked_by_its_filings_and_scopes() {
    check(&["filing", "(parent_no=?)", "sqlite_autoindex_filing", "INDEX scope_by_parent (parent_no=?)"], |conn| {
        trash::living_children(conn, &[1, 2], 10)?;
        trash::living_page(conn, 1, 0, 10)?;
        filing::filings_of(conn, &[1, 2])?;
        acl::folders_below(conn, &[1, 2]).map(drop)
    });
    check(&["INDEX folder_by_scope (scope_no=?)"], |conn| objects::folders_of_scopes(conn, &[1, 2]).map(drop));
}

#[test]
fn an_object_is_destroyed_without_a_walk_through_others() {
    let plans = plans_of(|conn| trash::destroy(conn, &[1, 2], &[3], 4));
    let plans: Vec<&String> = plans.iter().filter(|plan| !plan.contains("import_source")).collect();
    assert!(plans.len() >= 11, "{plans:?}");
    for plan in plans {
        let walks = plan.split("; ").any(|step| step.starts_with("SCAN") && !step.contains("json_each"));
        assert!(!walks, "{plan}");
    }
    check(&["INDEX dossier_version_member_by_live (live_no=?)"], |conn| {
        trash::dossiers_naming(conn, &[1, 2]).map(drop)
    });
}

#[derive(QueryableByName)]
struct Opcode {
    #[diesel(sql_type = Text)]
    opcode: String,
}

#[test]
fn a_row_is_inserted_without_a_table_made_for_its_checks() {
    let test = sqlite_database(&[CORE_MIGRATIONS]);
    let mut conn = test.connect();
    let Conn::Sqlite(sqlite) = &mut conn else { return };
    for (table, columns, words) in
        [("object", "base, role", "'a', 'b'"), ("rendition", "state", "'a'"), ("job", "state", "'a'")]
    {
        let explain = format!("EXPLAIN INSERT INTO {table} ({columns}) VALUES ({words})");
        let steps: Vec<Opcode> = diesel::sql_query(explain).load(sqlite).unwrap();
        assert!(steps.iter().any(|step| step.opcode == "Insert"), "{table}");
        assert!(steps.iter().all(|step| step.opcode != "OpenEphemeral"), "{table}");
    }
}

/// Finds the papers of some types, as statements do, of which something more holds.
fn check_statement(expect: &str, also: query::Sql) {
    let types = vec!["document".to_owned(), "letter".to_owned()];
    let narrow = query::Sql::of(query::PRESENT).words(" AND o.type_id").among_texts(types).words(" AND ").then(also);
    let candidates = query::Candidates { narrow, flags: Vec::new(), with_properties: false };
    check(&[expect, "USING INTEGER PRIMARY KEY (rowid=?)"], |conn| {
        candidates.numbers(conn, 10)?;
        candidates.rows(conn, vec![1, 2]).map(drop)
    });
}

#[test]
fn statements_find_what_is_indexed_without_a_walk_through_all_objects() {
    let property = || query::Sql::of("o.no IN (SELECT v.object_no FROM property_value v WHERE v.property_no = ").int(1);
    check_statement(
        "INDEX property_value_by_text (property_no=? AND text_key=?)",
        property().words(" AND (v.text_key = ").bytes(vec![1]).words("))"),
    );
    check_statement(
        "INDEX property_value_by_int (property_no=? AND int_value>?)",
        property().words(" AND (v.int_value >= ").int(1).words("))"),
    );
    check_statement("INTEGER PRIMARY KEY (rowid=?)", query::Sql::of("o.no").among_ints(vec![1, 2]));
    check_statement(
        "INDEX filing_by_order (parent_no=?)",
        query::Sql::of("o.no IN (SELECT f.child_no FROM filing f WHERE NOT f.is_trashed AND f.parent_no")
            .among_ints(vec![1])
            .words(")"),
    );
    check_statement("sqlite_autoindex_object_1 (id=?)", query::Sql::of("o.id").among_texts(vec!["a".to_owned()]));
    check_statement("INDEX object_by_type (type_id=?)", query::Sql::of("1 = 1"));
}
