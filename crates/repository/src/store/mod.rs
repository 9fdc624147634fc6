//! SQL, and nothing else: one function, one query, typed rows in and out. Functions take a connection and no rights;
//! services authorise before they call them.

/// Loads the rows of a query whose column has one of some values (`&[T]`). A point read has a single value, and is
/// spared the list.
macro_rules! load_among {
    ($conn:expr, $values:expr, $column:expr, $query:expr) => {
        match $values {
            [] => Vec::new(),
            [one] => cartulary_db::each_db!($conn, |c| $query.filter($column.eq(one)).load(c))?,
            some => cartulary_db::each_db!($conn, |c| $query
                .filter(cartulary_db::among($column, some.iter().cloned()))
                .load(c))?,
        }
    };
}

pub(crate) mod acl;
pub(crate) mod annotations;
pub(crate) mod arrangements;
pub(crate) mod backups;
pub(crate) mod blobs;
pub(crate) mod bulk;
pub(crate) mod changes;
pub(crate) mod collections;
pub(crate) mod comments;
pub(crate) mod copies;
pub(crate) mod declarations;
pub(crate) mod dossier_versions;
pub(crate) mod exports;
pub(crate) mod filing;
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod info;
pub(crate) mod jobs;
pub(crate) mod locks;
pub(crate) mod objects;
#[cfg(test)]
mod plans;
pub(crate) mod principals;
pub(crate) mod query;
pub(crate) mod relationships;
pub(crate) mod renditions;
pub(crate) mod retention;
pub(crate) mod saved_searches;
pub(crate) mod schema;
mod schema_of_people;
pub(crate) mod seals;
pub(crate) mod sessions;
pub(crate) mod shares;
pub(crate) mod space;
pub(crate) mod strays;
pub(crate) mod subscriptions;
pub(crate) mod tags;
pub(crate) mod trash;
pub(crate) mod uploads;
pub(crate) mod versions;
pub(crate) mod webhooks;

use crate::RepositoryError;

impl From<diesel::result::Error> for RepositoryError {
    fn from(error: diesel::result::Error) -> Self {
        Self::from(cartulary_db::DbError::from(error))
    }
}

/// The number of values that one `IN (…)` list takes, where [`among`](cartulary_db::among) cannot be used.
pub(crate) const IN_LIST_MAX: usize = 500;
