//! Notifications: what a person was told by his subscriptions, as far as he may know of it when he reads.

use std::collections::BTreeSet;
use std::time::Duration;

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_PROPERTIES};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};

use crate::bootstrap::parse_id;
use crate::object::{PrincipalName, Window, WindowRequest, Written};
use crate::services::detail::principal_name;
use crate::services::folders::{cut, window};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals;
use crate::store::subscriptions::{self, NotificationRow};
use crate::{RepositoryError, Result, Session};

/// How often it is looked for news that another node may have written.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Something that somebody was told.
#[derive(Clone, Debug)]
pub struct NotificationView {
    /// Its id.
    pub id: ObjectId,
    /// The subscription that it is of, which may have ended.
    pub subscription: ObjectId,
    /// What happened: a word of [`ChangeKind`].
    pub kind: String,
    /// To which object.
    pub object: ObjectId,
    /// How that is called now; nothing when it is no longer there, or is in the trash.
    pub title: Option<String>,
    /// Who did it.
    pub by: PrincipalName,
    /// When.
    pub at: Timestamp,
    /// When the caller read it.
    pub read_at: Option<Timestamp>,
}

/// What somebody was told, and how much of it he has not read.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// A window, the newest first.
    pub window: Window<NotificationView>,
    /// How many he has not read.
    pub unread: u64,
}

impl Session {
    /// Returns a window of what the caller was told, the newest first: of what he may know of now.
    ///
    /// # Errors
    /// The database's.
    pub async fn notification_list(&self, unread_only: bool, request: WindowRequest) -> Result<Inbox> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<Inbox> {
            let rows = subscriptions::told(conn, session.actor.no, unread_only)?;
            let seen = session.in_sight(conn, rows, now)?;
            let unread = seen.iter().filter(|(row, _)| row.read_at.is_none()).count() as u64;
            let total = seen.len() as u64;
            let wanted = cut(&seen, request);
            let people = principals::by_nos(conn, &wanted.iter().map(|(row, _)| row.made_by).collect())?;
            let mut items = Vec::with_capacity(wanted.len());
            for (row, object) in wanted {
                let there = object.as_ref().filter(|object| object.trashed_at.is_none());
                items.push(NotificationView {
                    id: parse_id(&row.id)?,
                    subscription: parse_id(&row.subscription_id)?,
                    kind: row.change_kind.clone(),
                    object: parse_id(&row.object_id)?,
                    title: there.map(|object| object.title.clone()),
                    by: principal_name(&people, row.made_by)?,
                    at: Timestamp::from_millis(row.made_at),
                    read_at: row.read_at.map(Timestamp::from_millis),
                });
            }
            Ok(Inbox { window: window(total, items, request), unread })
        };
        self.repository.database().read(read).await
    }

    /// Waits until there is something that the caller has not read, for as long as said at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn notification_wait(&self, at_most: Duration) -> Result<()> {
        let deadline = tokio::time::Instant::now() + at_most;
        let mut commits = self.repository.database().commits();
        loop {
            commits.borrow_and_update();
            let inbox = self.notification_list(true, WindowRequest { offset: 0, limit: 1 }).await?;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if inbox.unread > 0 || left.is_zero() {
                return Ok(());
            }
            tokio::select! {
                _ = commits.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN.min(left)) => {}
            }
        }
    }

    /// Says of something that the caller was told that he has read it, or has not.
    ///
    /// # Errors
    /// `NotFound`, also for what another was told, and for what the caller may not know of now.
    pub async fn notification_put_read(&self, id: ObjectId, is_read: bool) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let id = id.to_string();
            let rows = subscriptions::told(tx.conn, session.actor.no, false)?;
            let row: Vec<NotificationRow> = rows.into_iter().filter(|row| row.id == id).collect();
            let seen = session.in_sight(tx.conn, row, tx.now)?;
            let (row, _) = seen.first().ok_or_else(|| RepositoryError::not_found("the notification"))?;
            let at = is_read.then(|| row.read_at.unwrap_or(tx.now.as_millis()));
            subscriptions::put_read(tx.conn, session.actor.no, &[row.no], at)
        })
        .await
    }

    /// Says of all that the caller was told that he has read it, and returns of how much he had not.
    ///
    /// # Errors
    /// The database's.
    pub async fn notification_put_all_read(&self) -> Result<Written<u64>> {
        let session = self.clone();
        self.transact(move |tx| {
            let rows = subscriptions::told(tx.conn, session.actor.no, true)?;
            let seen = session.in_sight(tx.conn, rows, tx.now)?;
            let nos: Vec<i64> = seen.iter().map(|(row, _)| row.no).collect();
            subscriptions::put_read(tx.conn, session.actor.no, &nos, Some(tx.now.as_millis()))?;
            Ok(nos.len() as u64)
        })
        .await
    }

    /// Returns what of it the caller may know of now, each with its object where that is still there: as it lies now, or
    /// lay when it was destroyed. What was said of an object takes the right to read its properties.
    fn in_sight(
        &self,
        conn: &mut Conn,
        rows: Vec<NotificationRow>,
        now: Timestamp,
    ) -> Result<Vec<(NotificationRow, Option<ObjectRow>)>> {
        let nos: BTreeSet<i64> = rows.iter().map(|row| row.object_no).collect();
        let mut present = objects::by_nos(conn, &nos.into_iter().collect::<Vec<_>>())?;
        // A number may be another object's by now.
        present.retain(|no, object| rows.iter().any(|row| row.object_no == *no && row.object_id == object.id));
        let scope_of =
            |row: &NotificationRow| present.get(&row.object_no).map_or(row.scope_no, |object| object.scope_no);
        let scopes: BTreeSet<i64> = rows.iter().map(scope_of).collect();
        let access = &self.repository.inner.access;
        let browsable = access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        let readable = access.allowing(conn, &self.actor, &scopes, READ_PROPERTIES, now)?;
        let is_seen = |row: &NotificationRow| {
            let set = if row.change_kind == ChangeKind::Noted.as_str() { &readable } else { &browsable };
            set.contains(&scope_of(row))
        };
        Ok(rows.into_iter().filter(is_seen).map(|row| (row.clone(), present.get(&row.object_no).cloned())).collect())
    }
}
