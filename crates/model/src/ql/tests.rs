//! What is read, what is refused, and that a printed statement says the same.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// A statement and the form that says the same.
#[track_caller]
fn check(statement: &str, expect: &str) {
    let parsed = Query::parse(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    assert_eq!(parsed.to_string(), expect);
    assert_eq!(Query::parse(expect).unwrap(), parsed, "{expect}");
}

#[track_caller]
fn refuse(statement: &str, expect: &str) {
    assert_eq!(Query::parse(statement).unwrap_err().to_string(), expect, "{statement}");
}

/// Puts a condition into a statement.
fn with(condition: &str) -> String {
    format!("SELECT * FROM cmis:document WHERE {condition}")
}

#[track_caller]
fn check_condition(condition: &str, expect: &str) {
    check(&with(condition), &with(expect));
}

#[test]
fn columns_tables_and_orders_are_read() {
    check("select * from cmis:document", "SELECT * FROM cmis:document");
    check(
        "SELECT cmis:name AS n, d.cmis:objectId id, SCORE() FROM cmis:document d ORDER BY cmis:name DESC, n ASC",
        "SELECT cmis:name AS n, d.cmis:objectId AS id, SCORE() FROM cmis:document AS d ORDER BY cmis:name DESC, n",
    );
    check("SELECT d.a:party.name.first FROM d WHERE party.name = 'x'", {
        "SELECT d.a:party.name.first FROM d WHERE party.name = 'x'"
    });
    check("SELECT d.*, SCORE() s FROM cmis:document AS d", "SELECT d.*, SCORE() AS s FROM cmis:document AS d");
}

#[test]
fn joins_stand_in_their_order() {
    check(
        "SELECT * FROM cmis:document AS d JOIN my:sec AS s ON d.cmis:objectId = s.cmis:objectId",
        "SELECT * FROM cmis:document AS d JOIN my:sec AS s ON d.cmis:objectId = s.cmis:objectId",
    );
    check(
        "SELECT * FROM a LEFT JOIN b ON a.x = b.x INNER JOIN (c LEFT OUTER JOIN d ON c.y = d.y) ON a.z = c.z",
        "SELECT * FROM a LEFT OUTER JOIN b ON a.x = b.x JOIN (c LEFT OUTER JOIN d ON c.y = d.y) ON a.z = c.z",
    );
}

#[test]
fn and_binds_before_or_and_not_before_both() {
    check_condition("a = 1 OR b = 2 AND NOT c = 3", "a = 1 OR (b = 2 AND NOT (c = 3))");
    check_condition("(a = 1 OR b = 2) AND c = 3", "(a = 1 OR b = 2) AND c = 3");
    check_condition("((a = 1))", "a = 1");
}

#[test]
fn every_predicate_is_read() {
    check_condition("a <> 'x' AND b <= 2.5 AND c > TIMESTAMP'2026-01-31T00:00:00.000Z'", {
        "a <> 'x' AND b <= 2.5e0 AND c > TIMESTAMP '2026-01-31T00:00:00.000Z'"
    });
    check_condition("a IN (1, -2, +3) AND b NOT IN ('x')", "a IN (1, -2, 3) AND b NOT IN ('x')");
    check_condition("a IS NULL OR b IS NOT NULL", "a IS NULL OR b IS NOT NULL");
    check_condition("'x' = ANY a AND ANY b NOT IN (TRUE, false)", "'x' = ANY a AND ANY b NOT IN (TRUE, FALSE)");
    check_condition("IN_FOLDER('id') OR IN_TREE(d, 'id')", "IN_FOLDER('id') OR IN_TREE(d, 'id')");
    check_condition("SCORE() > .5 AND CONTAINS(d, 'it')", "SCORE() > 5e-1 AND CONTAINS(d, 'it')");
}

#[test]
fn texts_are_unescaped_once() {
    check_condition(r"a = 'it\'s' OR b = 'it''s' OR c = 'a\\b'", r"a = 'it\'s' OR b = 'it\'s' OR c = 'a\\b'");
    check_condition(r"a LIKE '50\%\_%_'", r"a LIKE '50\%\_%_'");
    check_condition(r"a LIKE 'a\\%%'", r"a LIKE 'a\\%'");
    check_condition("a = 'ملف'", "a = 'ملف'");
}

#[test]
fn what_stands_in_contains_is_a_language_of_its_own() {
    let parsed = Query::parse(&with(r#"CONTAINS('red AND "it\\\'s here" OR -gr?y* -"no way"')"#)).unwrap();
    let Some(Condition::Contains { text, .. }) = parsed.filter else { panic!() };
    let [first, second] = text.alternatives.as_slice() else { panic!("{text:?}") };
    assert_eq!((first.len(), second.len()), (2, 2));
    assert_eq!(first[1].words, [vec![WordPart::Text("it's".into())], vec![WordPart::Text("here".into())]]);
    assert!(first[1].is_phrase && second[0].negated && second[1].negated);
    let parts = [WordPart::Text("gr".into()), WordPart::AnyOne, WordPart::Text("y".into()), WordPart::AnyRun];
    assert_eq!(second[0].words, [parts.to_vec()]);
    check_condition("CONTAINS('a-b')", r"CONTAINS('a\\-b')");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    refuse("", "at character 1: `SELECT` is wanted, and the end stands here");
    refuse("SELECT", "at character 7: the name of a property is wanted, and the end stands here");
    refuse("SELECT *", "at character 9: `FROM` is wanted, and the end stands here");
    refuse("THIS_IS_NOT_A_SELECT", "at character 1: `SELECT` is wanted, and `THIS_IS_NOT_A_SELECT` stands here");
    refuse("SELECT FROM cmis:document", "at character 8: the name of a property is wanted, and `FROM` stands here");
    refuse("SELECT ,a FROM b", "at character 8: the name of a property is wanted, and `,` stands here");
    refuse("SELECT * FROM a WHERE", "at character 22: a condition is wanted, and the end stands here");
    refuse("SELECT * FROM a WHERE b = 'x", "at character 27: a text that begins here does not end");
    refuse("SELECT * FROM a WHERE b NOT = 1", "at character 29: `IN` or `LIKE` is wanted, and `=` stands here");
    refuse("SELECT * FROM a WHERE b = TIMESTAMP 'never'", "at character 37: `never` is no instant (ISO 8601)");
    refuse("SELECT * FROM a WHERE b = 99999999999999999999", {
        "at character 27: `99999999999999999999` is no number that fits"
    });
    refuse("SELECT * FROM a; DROP TABLE b", "at character 16: `;` is no part of a statement");
    refuse("SELECT * FROM a b c", "at character 19: the end is wanted, and `c` stands here");
    refuse("SELECT * FROM a WHERE CONTAINS('x') AND CONTAINS('y')", {
        "at character 41: CONTAINS comes once in a statement"
    });
    refuse("SELECT * FROM a WHERE CONTAINS('')", "at character 32: in CONTAINS, there is nothing to look for");
    refuse("SELECT * FROM a WHERE CONTAINS('x OR')", {
        "at character 32: in CONTAINS, AND and OR stand between two terms"
    });
    refuse(r#"SELECT * FROM a WHERE CONTAINS('"x')"#, "at character 32: in CONTAINS, a phrase does not end");
    refuse(r"SELECT * FROM a WHERE b = 'a\b'", "at character 27: in a text, a backslash stands before ' \\ % or _");
}

#[test]
fn what_would_exhaust_the_parser_is_refused() {
    let deep = with(&format!("{}a = 1{}", "(".repeat(10_000), ")".repeat(10_000)));
    assert!(Query::parse(&deep).unwrap_err().detail.contains("64 deep"));
    let negated = with(&format!("{}a = 1", "NOT ".repeat(10_000)));
    assert!(Query::parse(&negated).unwrap_err().detail.contains("64 deep"));
    let long = with(&format!("a IN ({}1)", "1,".repeat(2_000)));
    assert!(Query::parse(&long).unwrap_err().detail.contains("at most 1000"));
    assert!(Query::parse(&" ".repeat(100_000)).unwrap_err().detail.contains("65536 bytes"));
    let joined = format!("SELECT * FROM a{}", " JOIN b ON a.x = b.x".repeat(100));
    assert!(Query::parse(&joined).unwrap_err().detail.contains("tables are joined"));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(statement in "\\PC{0,200}") {
        drop(Query::parse(&statement));
    }

    /// What the words of the grammar make in any order is refused, or says the same after it was printed.
    #[test]
    fn what_is_printed_says_the_same(words in prop::collection::vec(prop::sample::select(WORDS), 0..24)) {
        let condition = words.join(" ");
        for statement in [with(&condition), condition] {
            if let Ok(parsed) = Query::parse(&statement) {
                let printed = parsed.to_string();
                prop_assert_eq!(Query::parse(&printed).unwrap(), parsed, "{} became {}", statement, printed);
            }
        }
    }

    #[test]
    fn any_text_keeps_its_value(text in "\\PC{0,40}") {
        let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
        let parsed = Query::parse(&with(&format!("a = '{escaped}'"))).unwrap();
        let Some(Condition::Compare { literal: Literal::Text(found), .. }) = parsed.filter else { panic!() };
        prop_assert_eq!(found, text);
    }
}

const WORDS: &[&str] = &[
    "SELECT",
    "*",
    "FROM",
    "a",
    "d.b",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    "=",
    "<>",
    "1",
    "-2.5e3",
    "'x'",
    "'it\\'s'",
    "'%a\\_'",
    "IN",
    "('x', 'y')",
    "LIKE",
    "IS NULL",
    "ANY",
    "JOIN b ON a.x = b.x",
    "LEFT JOIN",
    "ORDER BY a DESC",
    ",",
    "CONTAINS('x OR -\"y z\" AND w*')",
    "IN_TREE(d, 'id')",
    "SCORE()",
    "TRUE",
    "a = 1",
    "ANY b IN (1)",
    "TIMESTAMP '2026-01-31T00:00:00Z'",
];
