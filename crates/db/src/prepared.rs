//! Updates, upserts and fixed texts that are prepared once for each connection.
//!
//! Diesel keeps a statement prepared only if every part of it says that its text will come again, and its own updates,
//! upserts and texts of SQL say the opposite: they are parsed each time. A wrapper that answers for them is not heard,
//! because diesel asks through a reference that does not pass the answer on (`impl QueryFragment for &T`, 2.3). So these
//! are statements of their own, made of diesel's parts, whose text does not grow with their values.

use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, IntoUpdateTarget, QueryFragment, QueryId, UpdateTarget};
use diesel::result::QueryResult;
use diesel::{RunQueryDsl, SqliteConnection, Table};

/// Begins an `UPDATE` of the rows of `target`, a table with a filter, as [`diesel::update()`] does.
///
/// ```
/// # use cartulary_db::update_rows;
/// # use diesel::prelude::*;
/// # diesel::table! { paper (no) { no -> BigInt, title -> Text } }
/// # fn rename(c: &mut SqliteConnection) -> QueryResult<usize> {
/// update_rows(paper::table.filter(paper::no.eq(1))).set(paper::title.eq("new")).execute(c)
/// # }
/// ```
pub fn update_rows<T: IntoUpdateTarget>(target: T) -> UpdateOf<<T as HasTable>::Table, T::WhereClause> {
    UpdateOf { target: target.into_update_target() }
}

/// An update that does not say yet what it sets; see [`update_rows`].
#[derive(Debug)]
#[must_use = "it does nothing before `set` and `execute`"]
pub struct UpdateOf<T, W> {
    target: UpdateTarget<T, W>,
}

impl<T: Table, W> UpdateOf<T, W> {
    /// Says what is set.
    pub fn set<V>(self, values: V) -> Update<T::FromClause, W, V::Changeset>
    where
        V: AsChangeset<Target = T>,
    {
        let UpdateTarget { table, where_clause } = self.target;
        Update { from_clause: table.from_clause(), where_clause, changeset: values.as_changeset() }
    }
}

/// A whole `UPDATE`; see [`update_rows`].
#[derive(Debug, Clone, Copy)]
#[must_use = "it does nothing before `execute`"]
pub struct Update<F, W, C> {
    from_clause: F,
    where_clause: W,
    changeset: C,
}

impl<F, W, C> QueryId for Update<F, W, C> {
    type QueryId = ();
    // An optional value that is absent is not in the text: the statement is kept by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, W, C, DB> QueryFragment<DB> for Update<F, W, C>
where
    DB: Backend,
    F: QueryFragment<DB>,
    W: QueryFragment<DB>,
    C: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.from_clause.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changeset.walk_ast(out.reborrow())?;
        self.where_clause.walk_ast(out)
    }
}

impl<F, W, C, Conn> RunQueryDsl<Conn> for Update<F, W, C> {}

/// Returns an `INSERT` of one row that changes the row that is there already, if one has the same `key`.
///
/// `key` names the columns of a unique index, in its order.
///
/// ```
/// # use cartulary_db::upsert;
/// # use diesel::prelude::*;
/// # diesel::table! { paper (no) { no -> BigInt, title -> Text } }
/// # fn put(c: &mut SqliteConnection) -> QueryResult<usize> {
/// let title = paper::title.eq("new");
/// upsert(diesel::insert_into(paper::table).values((paper::no.eq(1), title)), &["no"], title).execute(c)
/// # }
/// ```
pub fn upsert<I, V: AsChangeset>(insert: I, key: &'static [&'static str], values: V) -> Upsert<I, V::Changeset> {
    Upsert { insert, key, changeset: values.as_changeset() }
}

/// See [`upsert`].
#[derive(Debug, Clone, Copy)]
#[must_use = "it does nothing before `execute`"]
pub struct Upsert<I, C> {
    insert: I,
    key: &'static [&'static str],
    changeset: C,
}

impl<I, C> QueryId for Upsert<I, C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I, C, DB> QueryFragment<DB> for Upsert<I, C>
where
    DB: Backend,
    I: QueryFragment<DB>,
    C: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.insert.walk_ast(out.reborrow())?;
        out.push_sql(" ON CONFLICT (");
        for (place, column) in self.key.iter().enumerate() {
            if place > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
        }
        out.push_sql(") DO UPDATE SET ");
        self.changeset.walk_ast(out)
    }
}

impl<I, C, Conn> RunQueryDsl<Conn> for Upsert<I, C> {}

diesel::define_sql_function! {
    /// Returns the number that the last row got which this connection inserted.
    fn last_insert_rowid() -> BigInt;
}

/// Returns the number of the row that the `INSERT` just before made; it must have made one, in a table with numbers.
///
/// # Errors
/// Those of the connection.
pub fn last_inserted(conn: &mut SqliteConnection) -> QueryResult<i64> {
    diesel::select(last_insert_rowid()).get_result(conn)
}

/// Runs an `INSERT` of one row into a table whose numbers the database gives, and returns the row's number.
///
/// For `RETURNING` SQLite makes a table in memory at each execution, which costs about what the insertion does.
///
/// ```
/// # use cartulary_db::{Conn, insert_numbered};
/// # use diesel::prelude::*;
/// # diesel::table! { paper (no) { no -> BigInt, title -> Text } }
/// # fn put(conn: &mut Conn) -> QueryResult<i64> {
/// insert_numbered!(conn, diesel::insert_into(paper::table).values(paper::title.eq("new")), paper::no)
/// # }
/// ```
#[macro_export]
macro_rules! insert_numbered {
    ($conn:expr, $insert:expr, $no:expr) => {
        $crate::per_db!($conn,
            sqlite(c) => $insert.execute(c).and_then(|_| $crate::last_inserted(c)),
            postgres(c) => $insert.returning($no).get_result::<i64>(c),
        )
    };
}

/// Returns a statement of the program's own words, without values.
pub(crate) const fn verbatim(sql: &'static str) -> Verbatim {
    Verbatim(sql)
}

/// See [`verbatim`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verbatim(&'static str);

impl QueryId for Verbatim {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Verbatim {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

impl<Conn> RunQueryDsl<Conn> for Verbatim {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::{Arc, Mutex};

    use diesel::connection::InstrumentationEvent;
    use diesel::prelude::*;

    use super::*;

    diesel::table! {
        paper (no) { no -> BigInt, title -> Text, pages -> Nullable<BigInt> }
    }

    /// Runs `act` twice and returns the statements that were prepared to be kept, and how many were run.
    fn kept(act: impl Fn(&mut SqliteConnection) -> QueryResult<usize>) -> (Vec<String>, usize) {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        diesel::sql_query("CREATE TABLE paper (no INTEGER PRIMARY KEY, title TEXT NOT NULL, pages BIGINT)")
            .execute(&mut conn)
            .unwrap();
        let seen: Arc<Mutex<(Vec<String>, usize)>> = Arc::default();
        let noted = Arc::clone(&seen);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::CacheQuery { sql, .. } => noted.lock().unwrap().0.push(sql.to_owned()),
            InstrumentationEvent::StartQuery { .. } => noted.lock().unwrap().1 += 1,
            _ => {}
        });
        act(&mut conn).unwrap();
        act(&mut conn).unwrap();
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn an_update_is_prepared_once() {
        let rename = |c: &mut SqliteConnection| {
            update_rows(paper::table.filter(paper::no.eq(1)))
                .set((paper::title.eq("a"), paper::pages.eq(Some(2))))
                .execute(c)
        };
        let text = "UPDATE `paper` SET `title` = ?, `pages` = ? WHERE (`paper`.`no` = ?)";
        assert_eq!(kept(rename), (vec![text.to_owned()], 2));
    }

    #[test]
    fn an_upsert_is_prepared_once_and_changes_what_is_there() {
        let put = |c: &mut SqliteConnection| {
            let title = paper::title.eq("a");
            upsert(diesel::insert_into(paper::table).values((paper::no.eq(1), title)), &["no"], title).execute(c)
        };
        let text = "INSERT INTO `paper` (`no`, `title`) VALUES (?, ?) ON CONFLICT (`no`) DO UPDATE SET `title` = ?";
        assert_eq!(kept(put), (vec![text.to_owned()], 2));
    }

    #[test]
    fn a_fixed_text_is_prepared_once() {
        assert_eq!(kept(|c| verbatim("DELETE FROM paper").execute(c)), (vec!["DELETE FROM paper".to_owned()], 2));
    }
}
