//! `column IN (values)` as one text of SQL whatever their number, so that it is prepared once for each connection.
//!
//! SQLite has no arrays: there the values are bound as one JSON text, which its table-valued function `json_each` takes
//! apart. Source: <https://www.sqlite.org/json1.html#jeach>. On PostgreSQL they are an array.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

/// A value that [`among`] takes.
pub trait Amongst: serde::Serialize + Sized {
    /// The array's element on PostgreSQL.
    #[doc(hidden)]
    type Element: 'static;
}

impl Amongst for i64 {
    type Element = diesel::sql_types::BigInt;
}

impl Amongst for String {
    type Element = Text;
}

/// Says that a column has one of some values; no value at all is false. Nothing bounds their number.
///
/// ```
/// # use cartulary_db::among;
/// # use diesel::prelude::*;
/// # diesel::table! { paper (no) { no -> BigInt, title -> Text } }
/// let numbers = [1, 2, 3];
/// let query = paper::table.filter(among(paper::no, numbers)).select(paper::title);
/// # let _ = query;
/// ```
pub fn among<C, V: Amongst>(column: C, values: impl IntoIterator<Item = V>) -> Among<C, V> {
    let values: Vec<V> = values.into_iter().collect();
    // Numbers and texts always have a form in JSON.
    let json = serde_json::to_string(&values).unwrap_or_default();
    Among { column, values, json }
}

/// See [`among`].
#[derive(Clone, Debug)]
pub struct Among<C, V> {
    column: C,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL has arrays"))]
    values: Vec<V>,
    json: String,
}

impl<C: QueryId, V: 'static> QueryId for Among<C, V> {
    type QueryId = Among<C::QueryId, V>;
    const HAS_STATIC_QUERY_ID: bool = C::HAS_STATIC_QUERY_ID;
}

impl<C: Expression, V> Expression for Among<C, V> {
    type SqlType = Bool;
}

impl<C: ValidGrouping<Grouping>, V, Grouping> ValidGrouping<Grouping> for Among<C, V> {
    type IsAggregate = C::IsAggregate;
}

impl<C, V, Source> AppearsOnTable<Source> for Among<C, V>
where
    C: AppearsOnTable<Source>,
    Self: Expression,
{
}

impl<C, V, Source> SelectableExpression<Source> for Among<C, V>
where
    C: SelectableExpression<Source>,
    Self: AppearsOnTable<Source>,
{
}

impl<C: QueryFragment<Sqlite>, V> QueryFragment<Sqlite> for Among<C, V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

#[cfg(feature = "postgres")]
impl<C, V> QueryFragment<diesel::pg::Pg> for Among<C, V>
where
    C: QueryFragment<diesel::pg::Pg>,
    V: Amongst,
    diesel::pg::Pg: diesel::sql_types::HasSqlType<diesel::sql_types::Array<V::Element>>,
    Vec<V>: diesel::serialize::ToSql<diesel::sql_types::Array<V::Element>, diesel::pg::Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, diesel::pg::Pg>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" = ANY(");
        out.push_bind_param::<diesel::sql_types::Array<V::Element>, Vec<V>>(&self.values)?;
        out.push_sql(")");
        Ok(())
    }
}
