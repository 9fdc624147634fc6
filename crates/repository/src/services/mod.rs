//! The services: what a [`Session`] can do, one noun a file.

mod access_lists;
mod changes;
mod content;
mod copies;
mod deletions;
mod destroy;
mod detail;
mod documents;
mod filing;
mod folders;
mod garbage;
mod health;
mod imports;
mod jobs;
mod objects;
mod people;
mod places;
mod scopes;
mod search;
mod texts;
mod trash;
mod trees;
mod verify;

pub use access_lists::{AccessGrant, AccessList, NewAccessList};
pub use changes::ChangeEntry;
pub use copies::{Copied, LeftOut, NewCopy};
pub use deletions::Extent;
pub(crate) use deletions::deletion_handlers;
pub use filing::{LastFolder, ObjectMove};
pub use garbage::{GarbageReport, GarbageRules};
pub use health::{Figures, Health, HealthCheck};
pub use imports::{
    ImportCandidate, ImportFault, ImportFile, ImportReport, ImportState, ImportTexts, ImportView, Imported, NewImport,
    UnreadFile,
};
pub use jobs::{JobState, JobView};
pub use people::{GroupView, NewGroup, NewUser, UserChanges, UserView};
pub use places::Position;
pub use search::{Bucket, Facet, Fragment, SearchHit, SearchQuery, SearchResult, Snippet};
pub(crate) use texts::{TEXT_KIND, TEXT_PRODUCER, TextJob, count_with_words, read_pages};
pub use trash::{Restoring, TrashedObject};
pub use verify::{ReindexReport, VerifyFault, VerifyOptions, VerifyProgress, VerifyReport};

use cartulary_db::Conn;
use cartulary_model::permission::{ADD_CHILDREN, Permission};
use cartulary_model::{ObjectId, Timestamp};

use crate::object::{Current, Precondition};
use crate::store::objects::ObjectRow;
use crate::{RepositoryError, Result, Session};

impl Session {
    /// Returns the object if it is not in the trash and the session has `wanted` on it.
    pub(crate) fn authorised(
        &self,
        conn: &mut Conn,
        id: ObjectId,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<ObjectRow> {
        let row = crate::store::objects::by_id(conn, &id.to_string())?.filter(|row| row.trashed_at.is_none());
        let row = row.ok_or_else(|| RepositoryError::not_found("the object"))?;
        let allowed = self.repository.inner.access.require(conn, &self.actor, row.scope_no, wanted, now);
        match allowed {
            // Everybody knows that there is a root.
            Err(RepositoryError::NotFound { .. })
                if row.no == self.repository.inner.root_no && wanted == ADD_CHILDREN =>
            {
                Err(RepositoryError::Forbidden { permission: wanted.to_owned() })
            }
            allowed => allowed.map(|()| row),
        }
    }

    /// Says whether the session has `wanted` on an object now: before a body is taken that a write would bind there, so
    /// that nobody fills the store with what is refused in the end. The write asks again.
    ///
    /// # Errors
    /// `NotFound` when the caller may not know of it; `Forbidden`.
    pub async fn require(&self, id: ObjectId, wanted: Permission) -> Result<()> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let look = move |conn: &mut Conn| session.authorised(conn, id, wanted, now).map(drop);
        self.repository.database().read_brief(look).await
    }

    /// Refuses with the present values when the object is not as the caller read it.
    pub(crate) fn check_precondition(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        precondition: &Precondition,
        now: Timestamp,
    ) -> Result<()> {
        match precondition {
            Precondition::Any => Ok(()),
            Precondition::Token(token) if *token == row.change_token => Ok(()),
            Precondition::Token(_) | Precondition::Content(_) | Precondition::OneOf(_) => {
                let current = Box::new(self.detail_of(conn, row, now)?);
                if precondition.holds(&current.summary) {
                    Ok(())
                } else {
                    Err(RepositoryError::Stale { current: Current::Object(current) })
                }
            }
        }
    }
}
