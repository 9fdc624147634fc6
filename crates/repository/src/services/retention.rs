//! Retention: until when versions are kept, what they wait for, and what may be destroyed.
//!
//! What is kept is a version, with its bytes: the document goes on changing. A version that is kept once is a record: when
//! nothing keeps it any longer, it goes by a disposition, which somebody else reviews. Nobody shortens a retention.

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, MANAGE_LEGAL_HOLD, Permission, READ_PROPERTIES, SET_RETENTION};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::object::{KeptView, Precondition, VersionNote, Written};
use crate::services::working_copies::{of_object, refuse_working_copy};
use crate::store::objects::{self, ObjectRow};
use crate::store::retention::{self, AwaitedRow, KeptRow};
use crate::store::versions::{self, Which};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How long the name of an event may be, in characters.
pub(crate) const EVENT_CHARACTERS_MAX: usize = 200;
/// How long a reason may be, in characters.
pub(crate) const REASON_CHARACTERS_MAX: usize = 2_000;

/// An event, and the period that begins when it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedEvent {
    /// The event's name.
    pub event: String,
    /// For how long it is kept from then on.
    pub period: Period,
}

/// What is said of the retention of a document or version; at least one of both.
#[derive(Clone, Debug, Default)]
pub struct NewRetention {
    /// Until when it is kept.
    pub until: Option<Timestamp>,
    /// An event that a period begins with.
    pub awaits: Option<AwaitedEvent>,
}

/// A legal hold, as those see it who manage it.
#[derive(Clone, Debug)]
pub struct HoldName {
    /// Its id.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
}

/// What keeps a version, or the versions of a document.
#[derive(Clone, Debug, Default)]
pub struct RetentionView {
    /// Since when it, or the first of its versions, is a record.
    pub record_since: Option<Timestamp>,
    /// Until when it, or the last of its versions, is kept.
    pub until: Option<Timestamp>,
    /// What is waited for.
    pub awaits: Vec<AwaitedEvent>,
    /// Whether it, or one of its versions, is under a legal hold.
    pub is_held: bool,
    /// Under which; none for those who manage none there.
    pub holds: Vec<HoldName>,
    /// The change token of what was asked for.
    pub change_token: i64,
}

/// By what way something is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// By somebody's own will, to the trash or for good.
    Ordinary,
    /// By a disposition that was reviewed: what it needs is asked of who proposed it and who reviewed it together.
    Disposition,
}

impl Removal {
    /// Returns the permission that whoever does it must hold himself, where by his own will it would be `ordinary`.
    pub(crate) const fn wanted(self, ordinary: Permission) -> Permission {
        match self {
            Self::Ordinary => ordinary,
            Self::Disposition => BROWSE,
        }
    }
}

impl Session {
    /// Returns what keeps a version, or all versions of a document.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`; `Conflict` `not_a_document`.
    pub async fn retention_get(&self, id: ObjectId) -> Result<RetentionView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<RetentionView> {
            let row = session.authorised(conn, id, READ_PROPERTIES, now)?;
            session.retention_of(conn, &row, now)
        };
        self.repository.database().read_brief(read).await
    }

    /// Keeps a version, or all versions of a document; a document that was changed since its last version gets one with
    /// that. Nothing is ever kept shorter than before.
    ///
    /// # Errors
    /// `Stale`; `NotFound`; `Forbidden` without `SetRetention`; `Invalid`; `Conflict` `retention_shortened`,
    /// `not_a_document`, `working_copy`.
    pub async fn retention_put(
        &self,
        id: ObjectId,
        precondition: Precondition,
        new: NewRetention,
    ) -> Result<Written<RetentionView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.retain_in_tx(tx, id, &precondition, &new)?;
            session.retention_of(tx.conn, &row, tx.now)
        })
        .await
    }

    /// Does so, and returns the object as it is then.
    pub(crate) fn retain_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        new: &NewRetention,
    ) -> Result<ObjectRow> {
        check_retention(new, tx.now)?;
        self.lock_document_of(tx, id)?;
        let row = self.for_change(tx, id, SET_RETENTION, precondition)?;
        let kept = self.versions_to_keep(tx, &row)?;
        let nos = numbers(&kept);
        let awaited = retention::awaited(tx.conn, &nos)?;
        let before = said_of(&kept, &awaited);
        if let Some(until) = new.until {
            refuse_shorter(&kept, until)?;
            for version in &kept {
                retention::put_until(tx.conn, version.object_no, until.as_millis())?;
            }
        }
        if let Some(AwaitedEvent { event, period }) = &new.awaits {
            for known in awaited.iter().filter(|known| known.event == *event) {
                let known_period: Period = known.period.parse().map_err(RepositoryError::internal)?;
                if period.after(tx.now) < known_period.after(tx.now) {
                    let detail = format!("it is kept for {known_period} from `{event}` on, and nobody shortens that");
                    return Err(RepositoryError::conflict("retention_shortened", detail));
                }
            }
            for version in &kept {
                retention::put_awaited(tx.conn, version.object_no, event, &period.to_string())?;
            }
        }
        retention::put_records(tx.conn, &nos, tx.now.as_millis())?;
        self.record_retention(tx, &row, &nos, &before, None)
    }

    /// Says that an event happened that versions wait for: the period of each begins now.
    ///
    /// # Errors
    /// As [`Session::retention_put`]; `Conflict` `event_not_awaited`.
    pub async fn retention_event_say(
        &self,
        id: ObjectId,
        precondition: Precondition,
        event: String,
    ) -> Result<Written<RetentionView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.say_event_in_tx(tx, id, &precondition, &event)?;
            session.retention_of(tx.conn, &row, tx.now)
        })
        .await
    }

    /// Does so, and returns the object as it is then.
    pub(crate) fn say_event_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        event: &str,
    ) -> Result<ObjectRow> {
        self.lock_document_of(tx, id)?;
        let row = self.for_change(tx, id, SET_RETENTION, precondition)?;
        let kept = self.kept_of(tx.conn, &row)?;
        let nos = numbers(&kept);
        let all = retention::awaited(tx.conn, &nos)?;
        let before = said_of(&kept, &all);
        let awaited: Vec<&AwaitedRow> = all.iter().filter(|one| one.event == event).collect();
        if awaited.is_empty() {
            let detail = "no version of it waits for this event";
            return Err(RepositoryError::conflict("event_not_awaited", detail));
        }
        for AwaitedRow { object_no, event, period } in awaited {
            let period: Period = period.parse().map_err(RepositoryError::internal)?;
            let end = period.after(tx.now).as_millis();
            let known = kept.iter().find(|version| version.object_no == *object_no).and_then(|one| one.retain_until);
            retention::put_until(tx.conn, *object_no, known.map_or(end, |known| known.max(end)))?;
            retention::delete_awaited(tx.conn, *object_no, event)?;
        }
        self.record_retention(tx, &row, &nos, &before, Some(json!({ "event": event })))
    }

    /// Returns what keeps a version, or the versions of a document.
    pub(crate) fn retention_of(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<RetentionView> {
        let kept = self.kept_of(conn, row)?;
        let nos = numbers(&kept);
        let may_manage =
            self.repository.inner.access.allows(conn, &self.actor, row.scope_no, MANAGE_LEGAL_HOLD, now)?;
        let holds = if may_manage { retention::holds_of(conn, &nos)? } else { Vec::new() };
        let name =
            |hold: retention::HoldRow| Ok(HoldName { id: crate::bootstrap::parse_id(&hold.id)?, name: hold.name });
        let mut awaits: Vec<AwaitedEvent> = Vec::new();
        for AwaitedRow { event, period, .. } in retention::awaited(conn, &nos)? {
            let period: Period = period.parse().map_err(RepositoryError::internal)?;
            match awaits.iter_mut().find(|known| known.event == event) {
                Some(known) if known.period.after(now) < period.after(now) => known.period = period,
                Some(_) => {}
                None => awaits.push(AwaitedEvent { event, period }),
            }
        }
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(RetentionView {
            record_since: at(kept.iter().filter_map(|one| one.record_at).min()),
            until: at(kept.iter().filter_map(|one| one.retain_until).max()),
            awaits,
            is_held: kept.iter().any(|one| one.legal_hold),
            holds: holds.into_iter().map(name).collect::<Result<_>>()?,
            change_token: row.change_token,
        })
    }

    /// Locks the document of a version before the version, as whoever removes one of them does: of two who keep and remove
    /// at once, the second finds what the first did.
    pub(crate) fn lock_document_of(&self, tx: &mut Tx<'_>, id: ObjectId) -> Result<()> {
        if let Some(seen) = objects::by_id(tx.conn, &id.to_string())?
            && let Some(live) = self.live_of(tx.conn, &seen)?
        {
            objects::locked(tx.conn, live.no)?;
        }
        Ok(())
    }

    /// Returns in short what keeps a version, or the versions of a document; nothing when nothing ever did.
    pub(crate) fn kept_in_short(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Option<KeptView>> {
        let Some(series) = row.series_no.filter(|_| row.role != objects::WORKING) else { return Ok(None) };
        let of_version = (row.role == objects::VERSION).then_some(row.no);
        let Some(found) = retention::in_short(conn, series, of_version)? else { return Ok(None) };
        Ok(Some(KeptView {
            record_since: Timestamp::from_millis(found.record_at),
            until: found.retain_until.map(Timestamp::from_millis),
            awaits_event: found.awaits_event,
            is_held: found.is_held,
        }))
    }

    /// Returns the version that an object is, or the versions of a document.
    pub(crate) fn kept_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Vec<KeptRow>> {
        refuse_working_copy(row)?;
        let Some(series) = row.series_no.filter(|_| row.base == BaseType::Document.as_str()) else {
            let detail = "versions of documents are kept: name a document or a version";
            return Err(RepositoryError::conflict("not_a_document", detail));
        };
        match row.role.as_str() {
            objects::VERSION => retention::of_versions(conn, &[row.no]),
            _ => retention::of_series(conn, &[series]),
        }
    }

    /// Returns the same, after a version was made of a document that no version has as it is.
    pub(crate) fn versions_to_keep(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<Vec<KeptRow>> {
        let kept = self.kept_of(tx.conn, row)?;
        let Some(series) = row.series_no.filter(|_| row.role == objects::LIVE && row.trashed_at.is_none()) else {
            return Ok(kept);
        };
        let latest = versions::of_series(tx.conn, series, Which::Latest)?;
        if latest.is_some_and(|(latest, _)| latest.made_at >= row.modified_at) {
            return Ok(kept);
        }
        self.make_version(tx, row, &VersionNote::default())?;
        self.kept_of(tx.conn, row)
    }

    /// Raises the change tokens, writes the change into the log, and returns the object as it is then.
    pub(crate) fn record_retention(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        versions: &[i64],
        before: &Value,
        detail: Option<Value>,
    ) -> Result<ObjectRow> {
        let kept = retention::of_versions(tx.conn, versions)?;
        let after = said_of(&kept, &retention::awaited(tx.conn, versions)?);
        objects::touch(tx.conn, row.no)?;
        let change = Change {
            before: Some(json!({ "retention": before })),
            after: Some(json!({ "retention": after })),
            detail,
            ..of_object(row)?
        };
        tx.record(ChangeKind::Updated, change)?;
        objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))
    }

    /// Says whether the session has a permission anywhere.
    pub(crate) fn has_anywhere(&self, conn: &mut Conn, wanted: Permission, now: Timestamp) -> Result<bool> {
        let scopes = self.repository.inner.access.readable_scopes(conn, &self.actor, wanted, now)?;
        Ok(scopes.is_none_or(|scopes| !scopes.is_empty()))
    }
}

fn numbers(kept: &[KeptRow]) -> Vec<i64> {
    kept.iter().map(|version| version.object_no).collect()
}

/// Returns what the log says of what keeps versions.
pub(crate) fn said_of(kept: &[KeptRow], awaited: &[AwaitedRow]) -> Value {
    let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let one = |version: &KeptRow| {
        let awaits = awaited.iter().filter(|one| one.object_no == version.object_no);
        let awaits: Vec<Value> = awaits.map(|one| json!({ "event": one.event, "period": one.period })).collect();
        json!({
            "record": version.record_at.is_some(), "until": at(version.retain_until), "awaits": awaits,
            "held": version.legal_hold,
        })
    };
    let mut all: Vec<Value> = kept.iter().map(one).collect();
    // Most documents have all their versions kept alike.
    all.dedup();
    Value::Array(all)
}

/// Refuses a retention that says nothing, or what is past.
pub(crate) fn check_retention(new: &NewRetention, now: Timestamp) -> Result<()> {
    if new.until.is_none() && new.awaits.is_none() {
        return Err(RepositoryError::invalid("retainUntil", "required", "needs an instant, or an event with a period"));
    }
    if new.until.is_some_and(|until| until <= now) {
        return Err(RepositoryError::invalid("retainUntil", "in_the_past", "comes after the present"));
    }
    let Some(AwaitedEvent { event, .. }) = &new.awaits else { return Ok(()) };
    check_words("event", event, EVENT_CHARACTERS_MAX)
}

/// Refuses words that are none, or that nobody could read.
pub(crate) fn check_words(field: &str, words: &str, most: usize) -> Result<()> {
    use cartulary_model::key;
    if !words.contains(key::is_visible) {
        return Err(RepositoryError::invalid(field, "blank", "has at least one visible character"));
    }
    if words.contains('\0') || words.contains(key::is_misleading) {
        let detail = "has no line breaks, control characters or invisible characters";
        return Err(RepositoryError::invalid(field, "misleading", detail));
    }
    if key::length(words) > most {
        return Err(RepositoryError::invalid(field, "too_long", format!("has at most {most} characters")));
    }
    Ok(())
}

fn refuse_shorter(kept: &[KeptRow], until: Timestamp) -> Result<()> {
    let latest = kept.iter().filter_map(|version| version.retain_until).max().map(Timestamp::from_millis);
    match latest.filter(|latest| until < *latest) {
        Some(latest) => {
            let detail = format!("it is kept until {latest}, and nobody shortens that");
            Err(RepositoryError::conflict("retention_shortened", detail))
        }
        None => Ok(()),
    }
}

/// Refuses to remove what is kept: under a hold, under retention, or a record that no disposition is about.
pub(crate) fn refuse_kept(conn: &mut Conn, kept: &[KeptRow], removal: Removal, now: Timestamp) -> Result<()> {
    let records: Vec<&KeptRow> =
        kept.iter().filter(|version| version.record_at.is_some() || version.legal_hold).collect();
    if records.is_empty() {
        return Ok(());
    }
    if records.iter().any(|version| version.legal_hold) {
        let detail = "a version is under a legal hold: it stays until that is released";
        return Err(RepositoryError::conflict("under_hold", detail));
    }
    let nos: Vec<i64> = records.iter().map(|version| version.object_no).collect();
    let until = records.iter().filter_map(|version| version.retain_until).max();
    if let Some(until) = until.map(Timestamp::from_millis).filter(|until| *until > now) {
        let detail = format!("a version is under retention until {until}");
        return Err(RepositoryError::conflict("under_retention", detail));
    }
    if let Some(awaited) = retention::awaited(conn, &nos)?.first() {
        let detail = format!("a version is under retention: it waits for `{}`", awaited.event);
        return Err(RepositoryError::conflict("under_retention", detail));
    }
    match removal {
        Removal::Disposition => Ok(()),
        Removal::Ordinary => {
            let detail = "it is a record: nothing keeps it any longer, and it goes by a disposition that is reviewed";
            Err(RepositoryError::conflict("is_record", detail))
        }
    }
}
