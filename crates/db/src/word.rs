//! `column = 'word'` with the word in the SQL itself.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::Bool;

/// Says that a column has one of the program's own words, such as a state. The word is no bound value: only so does a
/// planner see that a partial index of this state fits, whatever is bound later.
///
/// # Errors
/// A word that is not made of `a-z` and `_` fails the query.
pub const fn is_word<C>(column: C, word: &'static str) -> IsWord<C> {
    IsWord { column, word }
}

/// See [`is_word`].
#[derive(Clone, Copy, Debug)]
pub struct IsWord<C> {
    column: C,
    word: &'static str,
}

impl<C> QueryId for IsWord<C> {
    type QueryId = ();
    // Two words are two texts; the statement is kept by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: Expression> Expression for IsWord<C> {
    type SqlType = Bool;
}

impl<C: ValidGrouping<Grouping>, Grouping> ValidGrouping<Grouping> for IsWord<C> {
    type IsAggregate = C::IsAggregate;
}

impl<C: AppearsOnTable<Source>, Source> AppearsOnTable<Source> for IsWord<C> {}

impl<C: SelectableExpression<Source>, Source> SelectableExpression<Source> for IsWord<C> {}

impl<C: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for IsWord<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let is_word = self.word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_word {
            return Err(Error::QueryBuilderError("a word is made of a-z and _".into()));
        }
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" = '");
        out.push_sql(self.word);
        out.push_sql("'");
        Ok(())
    }
}
