//! A statement, whatever it is: it is read or refused, and what was read says the same when it is printed.
#![no_main]

use cartulary_model::ql::{Condition, LikePattern, Query, STATEMENT_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|statement: &str| {
    match Query::parse(statement) {
        Err(error) => assert!(error.position <= statement.chars().count(), "{error}"),
        Ok(query) => {
            let printed = query.to_string();
            // Escapes make a statement longer, perhaps too long.
            if printed.len() <= STATEMENT_BYTES_MAX {
                assert_eq!(Query::parse(&printed).as_ref(), Ok(&query), "{printed}");
            }
            query.filter.iter().for_each(each_pattern);
        }
    }
});

/// Matches each pattern of `LIKE` against itself: that takes no longer than the pattern is long.
fn each_pattern(condition: &Condition) {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().for_each(each_pattern),
        Condition::Not(one) => each_pattern(one),
        Condition::Like { pattern, .. } => {
            if let Ok(compiled) = LikePattern::new(pattern, 0) {
                compiled.is_match(&format!("{pattern:?}"));
            }
        }
        _ => {}
    }
}
