//! Candidates of a statement: SQL that is put together while it is planned.
//!
//! The pieces of the text are the program's own words; every value is bound. SQL narrows, and whoever asked decides on
//! each row, so that both databases answer the same.

use cartulary_db::{Conn, per_db};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};

use crate::Result;

/// A piece of SQL with the values bound in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Words(&'static str),
    Int(i64),
    Real(f64),
    Bytes(Vec<u8>),
    /// `IN (…)` of numbers.
    AmongInts(Vec<i64>),
    /// `IN (…)` of texts.
    AmongTexts(Vec<String>),
}

impl Sql {
    /// Begins with some words.
    pub(crate) fn of(words: &'static str) -> Self {
        Self { pieces: vec![Piece::Words(words)] }
    }

    pub(crate) fn words(mut self, words: &'static str) -> Self {
        self.pieces.push(Piece::Words(words));
        self
    }

    pub(crate) fn int(mut self, value: i64) -> Self {
        self.pieces.push(Piece::Int(value));
        self
    }

    pub(crate) fn real(mut self, value: f64) -> Self {
        self.pieces.push(Piece::Real(value));
        self
    }

    pub(crate) fn bytes(mut self, value: Vec<u8>) -> Self {
        self.pieces.push(Piece::Bytes(value));
        self
    }

    /// Says that what stands before is one of some numbers.
    pub(crate) fn among_ints(mut self, values: Vec<i64>) -> Self {
        self.pieces.push(Piece::AmongInts(values));
        self
    }

    /// Says that what stands before is one of some texts.
    pub(crate) fn among_texts(mut self, values: Vec<String>) -> Self {
        self.pieces.push(Piece::AmongTexts(values));
        self
    }

    pub(crate) fn then(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Joins several with words between, each in parentheses; nothing of none. Halves are joined with halves, because a
    /// database allows no expression that is a thousand deep.
    pub(crate) fn joined(mut all: Vec<Self>, between: &'static str) -> Option<Self> {
        if all.len() < 2 {
            return all.pop().map(|one| Self::of("(").then(one).words(")"));
        }
        let after = all.split_off(all.len() / 2);
        let (one, other) = (Self::joined(all, between)?, Self::joined(after, between)?);
        Some(Self::of("(").then(one).words(between).then(other).words(")"))
    }
}

/// Which rows of objects are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    /// What must hold of `o`, the object.
    pub narrow: Sql,
    /// What is asked of each of them beside: one bit of [`CandidateRow::flags`] each, the first the lowest.
    pub flags: Vec<Sql>,
    /// Whether the properties are needed; else they are answered as `{}`.
    pub with_properties: bool,
}

/// The most flags that are asked for at once.
pub(crate) const FLAGS_MAX: usize = 62;

/// An object that may answer a statement.
#[derive(Clone, Debug, QueryableByName)]
pub(crate) struct CandidateRow {
    #[diesel(sql_type = BigInt)]
    pub no: i64,
    #[diesel(sql_type = Text)]
    pub id: String,
    #[diesel(sql_type = Text)]
    pub base: String,
    #[diesel(sql_type = Text)]
    pub type_id: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub series_no: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub scope_no: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = Text)]
    pub properties: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub state: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub change_token: i64,
    #[diesel(sql_type = BigInt)]
    pub created_at: i64,
    #[diesel(sql_type = BigInt)]
    pub created_by: i64,
    #[diesel(sql_type = BigInt)]
    pub modified_at: i64,
    #[diesel(sql_type = BigInt)]
    pub modified_by: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub source_system: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub source_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub flags: i64,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What a statement sees of versions: the present state of everything.
pub(crate) const PRESENT: &str = "o.trashed_at IS NULL AND o.role = 'live'";

/// What a statement sees of versions: each of them, and the present state of what has none.
pub(crate) const ALL_VERSIONS: &str = "o.trashed_at IS NULL AND (o.role = 'version' OR (o.role = 'live' AND NOT EXISTS \
     (SELECT 1 FROM version v WHERE v.series_no = o.series_no)))";

impl Candidates {
    fn select(&self) -> Sql {
        let mut sql = Sql::of(
            "SELECT o.no, o.id, o.base, o.type_id, o.series_no, o.scope_no, o.name, o.title, o.state, \
             o.change_token, o.created_at, o.created_by, o.modified_at, o.modified_by, \
             o.source_system, o.source_id, ",
        );
        sql = sql.words(if self.with_properties { "o.properties" } else { "'{}' AS properties" });
        sql = sql.words(", CAST(0");
        for (place, flag) in self.flags.iter().take(FLAGS_MAX).enumerate() {
            sql = sql.words(" + CASE WHEN ").then(flag.clone()).words(" THEN ").int(1 << place).words(" ELSE 0 END");
        }
        sql.words(" AS BIGINT) AS flags FROM object o WHERE ")
    }

    /// Returns the numbers of up to `limit` of them, in any order.
    pub(crate) fn numbers(&self, conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
        let sql = Sql::of("SELECT o.no FROM object o WHERE ").then(self.narrow.clone()).words(" LIMIT ").int(limit);
        let rows: Vec<NumberRow> = load(conn, sql)?;
        Ok(rows.into_iter().map(|row| row.no).collect())
    }

    /// Returns those of some that are there, in any order.
    pub(crate) fn rows(&self, conn: &mut Conn, nos: Vec<i64>) -> Result<Vec<CandidateRow>> {
        load(conn, self.select().words("o.no").among_ints(nos))
    }

    /// Counts them.
    pub(crate) fn count(&self, conn: &mut Conn) -> Result<i64> {
        let sql = Sql::of("SELECT CAST(count(*) AS BIGINT) AS count FROM object o WHERE ").then(self.narrow.clone());
        let rows: Vec<CountRow> = load(conn, sql)?;
        Ok(rows.first().map_or(0, |row| row.count))
    }
}

/// Writes the text, with places for values as a database wants them.
fn written(sql: &Sql, is_postgres: bool) -> String {
    let mut text = String::new();
    let mut places = 0;
    for piece in &sql.pieces {
        let (before, cast, after) = match piece {
            Piece::Words(words) => {
                text.push_str(words);
                continue;
            }
            Piece::Int(_) => ("", "::bigint", ""),
            Piece::Real(_) => ("", "::double precision", ""),
            Piece::Bytes(_) => ("", "::bytea", ""),
            Piece::AmongInts(_) if is_postgres => (" = ANY(", "::bigint[]", ")"),
            Piece::AmongTexts(_) if is_postgres => (" = ANY(", "::text[]", ")"),
            Piece::AmongInts(_) | Piece::AmongTexts(_) => (" IN (SELECT value FROM json_each(", "", "))"),
        };
        places += 1;
        text.push_str(before);
        if is_postgres {
            text.push_str(&format!("${places}{cast}"));
        } else {
            text.push('?');
        }
        text.push_str(after);
    }
    text
}

fn load<R>(conn: &mut Conn, sql: Sql) -> Result<Vec<R>>
where
    R: 'static + Send + QueryableByName<diesel::sqlite::Sqlite> + OnPostgres,
{
    per_db!(conn,
        sqlite(c) => {
            let mut query = diesel::sql_query(written(&sql, false)).into_boxed::<diesel::sqlite::Sqlite>();
            for piece in sql.pieces {
                query = match piece {
                    Piece::Words(_) => query,
                    Piece::Int(value) => query.bind::<BigInt, _>(value),
                    Piece::Real(value) => query.bind::<Double, _>(value),
                    Piece::Bytes(value) => query.bind::<Binary, _>(value),
                    Piece::AmongInts(values) => query.bind::<Text, _>(json(&values)),
                    Piece::AmongTexts(values) => query.bind::<Text, _>(json(&values)),
                };
            }
            Ok(query.load(c)?)
        },
        postgres(c) => on_postgres::load(c, sql),
    )
}

/// Numbers and texts always have a form in JSON.
fn json(values: &impl serde::Serialize) -> String {
    serde_json::to_string(values).unwrap_or_default()
}

#[cfg(feature = "postgres")]
trait OnPostgres: QueryableByName<diesel::pg::Pg> {}
#[cfg(feature = "postgres")]
impl<R: QueryableByName<diesel::pg::Pg>> OnPostgres for R {}
#[cfg(not(feature = "postgres"))]
trait OnPostgres {}
#[cfg(not(feature = "postgres"))]
impl<R> OnPostgres for R {}

#[cfg(feature = "postgres")]
mod on_postgres {
    use diesel::pg::{Pg, PgConnection};
    use diesel::prelude::*;
    use diesel::sql_types::{Array, BigInt, Binary, Double, Text};

    use super::{OnPostgres, Piece, Sql, written};
    use crate::Result;

    pub(super) fn load<R: 'static + OnPostgres>(conn: &mut PgConnection, sql: Sql) -> Result<Vec<R>> {
        let mut query = diesel::sql_query(written(&sql, true)).into_boxed::<Pg>();
        for piece in sql.pieces {
            query = match piece {
                Piece::Words(_) => query,
                Piece::Int(value) => query.bind::<BigInt, _>(value),
                Piece::Real(value) => query.bind::<Double, _>(value),
                Piece::Bytes(value) => query.bind::<Binary, _>(value),
                Piece::AmongInts(values) => query.bind::<Array<BigInt>, _>(values),
                Piece::AmongTexts(values) => query.bind::<Array<Text>, _>(values),
            };
        }
        Ok(query.load(conn)?)
    }
}
