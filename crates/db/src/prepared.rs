//! Statements that are prepared once for each connection although diesel does not know that they may be.

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// Keeps a statement prepared under its text, as diesel does with queries: it takes every update, every upsert and
/// every text of SQL for one that will not come again, and has it parsed each time.
///
/// It is right for every statement whose text does not grow with its values.
///
/// ```
/// # use cartulary_db::prepared;
/// # use diesel::prelude::*;
/// # diesel::table! { paper (no) { no -> BigInt, title -> Text } }
/// # fn rename(c: &mut SqliteConnection) -> QueryResult<usize> {
/// prepared(diesel::update(paper::table.filter(paper::no.eq(1))).set(paper::title.eq("new"))).execute(c)
/// # }
/// ```
pub const fn prepared<Q>(statement: Q) -> Prepared<Q> {
    Prepared(statement)
}

/// See [`prepared`].
#[derive(Clone, Copy, Debug)]
pub struct Prepared<Q>(Q);

impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q, Conn> RunQueryDsl<Conn> for Prepared<Q> {}
