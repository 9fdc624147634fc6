//! The services: what a [`Session`] can do, one noun a file.

pub(crate) mod access_lists;
mod annotations;
mod arrangements;
mod audit;
mod automatic_versions;
mod backup;
mod bag;
mod bag_imports;
mod bulk;
mod bulk_run;
mod changes;
mod collection_items;
mod collections;
mod comments;
mod content;
mod copies;
mod deletions;
mod destroy;
pub(crate) mod detail;
mod dispositions;
mod documents;
mod dossier_at;
mod dossier_compare;
mod dossier_restore;
mod dossier_versions;
mod explanation;
mod export_proof;
mod export_rights;
mod export_run;
mod exports;
mod filing;
mod folders;
mod garbage;
mod groups;
mod hand_overs;
mod health;
mod imports;
mod jobs;
mod legal_holds;
mod life_cycles;
mod locks;
mod manifest;
mod notifications;
mod notify;
mod objects;
mod people;
mod places;
mod query;
mod quotas;
mod readings;
mod relationships;
mod retention;
mod saved_searches;
mod scopes;
pub(crate) mod sealing;
mod search;
mod sharing;
mod slots;
mod subscriptions;
mod tags;
mod texts;
mod trash;
mod trees;
mod types;
mod uploads;
mod verify;
mod verify_notes;
mod verify_versions;
mod versions;
mod webhook_filter;
pub(crate) mod webhooks;
mod webhooks_sent;
mod wording;
mod working_copies;

pub use access_lists::{AccessGrant, AccessList, NewAccessEntry, NewAccessList};
pub use annotations::{AnnotatedPlace, AnnotationContent, AnnotationView, MOTIVATIONS, PageBox};
pub(crate) use arrangements::{ARRANGED_KIND, ARRANGED_PRODUCER, ArrangeJob, pages_of};
pub use arrangements::{ArrangedPage, Arrangement, PagesToArrange, PagesToSplit};
pub use audit::{AuditEntry, AuditProof, Seal};
pub(crate) use backup::backup_handlers;
pub use backup::{
    BackupCheck, BackupError, BackupLook, BackupPlace, BackupRun, BackupSettings, BackupSnapshot, BackupStanding,
    BackupState, BackupTarget, NewBackupTarget, RecoveryKey, RecoverySheet, RestorePlan, RestoreProgress,
    RestoreReport, RestoredFile, ShelfConfig,
};
pub use bag_imports::{BagFault, BagReport};
pub use bulk::{BulkAct, BulkItem, BulkOutcome, BulkState, BulkView, NewBulkAction};
pub(crate) use bulk_run::bulk_handlers;
pub use changes::ChangeEntry;
pub use collections::{CollectionChanges, CollectionName, CollectionView, NewCollection};
pub use comments::{CommentChanges, CommentView, NewComment};
pub use copies::{Copied, LeftOut, NewCopy};
pub use deletions::Extent;
pub(crate) use deletions::deletion_handlers;
pub use dispositions::Review;
pub use dossier_compare::{DossierComparison, DossierDifference, DossierMemberSide, ValueDifference};
pub use dossier_restore::NotRestored;
pub use dossier_versions::{DossierMember, DossierVersion, MadeDossierVersion, NewDossierVersion};
pub use explanation::{AccessExplanation, DecidingEntry, ExplainedPermission};
pub use export_run::WrittenBag;
pub(crate) use export_run::export_handlers;
pub use exports::{ExportScope, ExportState, ExportView, NewExport};
pub use filing::{LastFolder, ObjectMove};
pub use garbage::{GarbageReport, GarbageRules};
pub use groups::GroupChanges;
pub(crate) use hand_overs::hand_over_handlers;
pub use health::{Figures, Health, HealthCheck};
pub use imports::{
    ImportCandidate, ImportFault, ImportFile, ImportReport, ImportState, ImportTexts, ImportView, Imported, NewImport,
    UnreadFile,
};
pub use jobs::{JobState, JobView};
pub use legal_holds::{HoldRelease, LegalHold, NewLegalHold};
pub use life_cycles::{NewTransition, Transitions};
pub use locks::NewLock;
pub use notifications::{Inbox, NotificationView};
pub(crate) use notify::{News, news};
pub use people::{GroupView, NewGroup, NewUser, UserChanges, UserView};
pub use places::Position;
pub use query::{QueryColumn, QueryRequest, QueryResult};
pub use quotas::{Quota, UsageView};
pub(crate) use quotas::{quota_handlers, settle_space};
pub use relationships::{Direction, NewRelationship, RelatedObject, RelationshipView};
pub use retention::{AwaitedEvent, HoldName, NewRetention, RetentionView};
pub use saved_searches::{NewSavedSearch, SavedQuery, SavedSearchChanges, SavedSearchResult, SavedSearchView};
pub use sealing::SealReport;
pub use search::{Bucket, Facet, Fragment, SearchHit, SearchQuery, SearchResult, Snippet};
pub use sharing::{NewShare, Share};
pub use slots::{ContentToAppend, SlotContent};
pub use subscriptions::{NewSubscription, SubscriptionTarget, SubscriptionView};
pub use tags::{NewTag, TagUse, TagView};
pub(crate) use texts::{
    TEXT_KIND, TEXT_PRODUCER, TextJob, count_with_words, indexed_page, read_pages, request as texts_request,
};
pub use trash::{Restoring, TrashedObject};
pub use uploads::{Checksum, ChecksumKind, NewUpload, UploadLimits, UploadView};
pub use verify::{ReindexReport, VerifyFault, VerifyOptions, VerifyProgress, VerifyReport};
pub(crate) use webhook_filter::{Stretch, stretch};
pub use webhooks::{NewWebhook, PingOutcome, WebhookChanges, WebhookFilter, WebhookSecret, WebhookState, WebhookView};
pub use webhooks_sent::{DeliveryState, DeliveryView};

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
        // A relationship is no one's by a scope: it has a door of its own.
        let row = row.filter(|row| row.base != crate::store::objects::RELATIONSHIP);
        let row = row.ok_or_else(|| RepositoryError::not_found("the object"))?;
        if row.role == crate::store::objects::WORKING && !self.may_see_working_copy(conn, &row, now)? {
            return Err(RepositoryError::not_found("the object"));
        }
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

    /// Returns the object that a change is made of, as it is when nobody else changes it any more until this transaction
    /// ends, if the session has `wanted` on it and it is as the caller read it.
    pub(crate) fn for_change(
        &self,
        tx: &mut crate::transaction::Tx<'_>,
        id: ObjectId,
        wanted: Permission,
        precondition: &Precondition,
    ) -> Result<ObjectRow> {
        let seen = self.authorised(tx.conn, id, wanted, tx.now)?;
        let locked = crate::store::objects::locked(tx.conn, seen.no)?.filter(|row| row.trashed_at.is_none());
        let row = locked.ok_or_else(|| RepositoryError::not_found("the object"))?;
        if row.scope_no != seen.scope_no {
            // It was moved meanwhile: what holds there now counts.
            self.repository.inner.access.require(tx.conn, &self.actor, row.scope_no, wanted, tx.now)?;
        }
        self.check_precondition(tx.conn, &row, precondition, tx.now)?;
        self.refuse_locked_for(tx.conn, &row, wanted, tx.now)?;
        Ok(row)
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
                    let (expected, token) = (precondition.clone(), row.change_token);
                    Err(RepositoryError::Stale { expected, token, current: Current::Object(current) })
                }
            }
        }
    }
}
