//! What keeps versions, as a bag has it: retention, what is waited for, and legal holds.

use std::collections::HashMap;

use cartulary_db::Conn;
use cartulary_model::{ChangeKind, ObjectId, Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::bootstrap::parse_id;
use crate::services::legal_holds::NAME_CHARACTERS_MAX;
use crate::services::retention::{AwaitedEvent, EVENT_CHARACTERS_MAX, REASON_CHARACTERS_MAX, check_words};
use crate::store::retention::{self, NewHoldRow};
use crate::transaction::{Change, Tx};

/// What keeps a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagKept {
    /// Since when it is a record.
    pub record_since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<AwaitedEvent>,
    /// Whether it is under a legal hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Under which; none when the caller may not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<BagHold>,
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagHold {
    pub id: ObjectId,
    pub name: String,
    pub reason: String,
}

/// Returns what keeps a version, if anything ever did.
pub(crate) fn gather(conn: &mut Conn, version: i64, may_see_holds: bool) -> Result<Option<BagKept>> {
    let Some(row) = retention::of_versions(conn, &[version])?.pop() else { return Ok(None) };
    let Some(record_since) = row.record_at.map(Timestamp::from_millis) else { return Ok(None) };
    let mut awaits = Vec::new();
    for awaited in retention::awaited(conn, &[version])? {
        let period = awaited.period.parse().map_err(crate::RepositoryError::internal)?;
        awaits.push(AwaitedEvent { event: awaited.event, period });
    }
    let mut holds = Vec::new();
    if may_see_holds && row.legal_hold {
        for hold in retention::holds_of(conn, &[version])? {
            holds.push(BagHold { id: parse_id(&hold.id)?, name: hold.name, reason: hold.reason });
        }
    }
    let retain_until = row.retain_until.map(Timestamp::from_millis);
    Ok(Some(BagKept { record_since, retain_until, awaits, held: row.legal_hold, holds }))
}

/// Returns what is wrong with what a bag says.
pub(crate) fn fault(kept: &BagKept) -> Option<String> {
    let mut events: Vec<&str> = kept.awaits.iter().map(|one| one.event.as_str()).collect();
    events.sort_unstable();
    if events.windows(2).any(|two| two.first() == two.last()) {
        return Some("an event is waited for twice".to_owned());
    }
    if !kept.held && !kept.holds.is_empty() {
        return Some("it is under holds and says that it is not held".to_owned());
    }
    let of_events = events.iter().map(|event| ("event", *event, EVENT_CHARACTERS_MAX));
    let of_holds = kept.holds.iter().flat_map(|hold| {
        [("name", hold.name.as_str(), NAME_CHARACTERS_MAX), ("reason", hold.reason.as_str(), REASON_CHARACTERS_MAX)]
    });
    let mut words = of_events.chain(of_holds);
    words.find_map(|(field, words, most)| check_words(field, words, most).err().map(|error| error.to_string()))
}

/// The legal holds that a bag brings along, by the ids that they have in it.
#[derive(Debug, Default)]
pub(crate) struct BroughtHolds {
    known: HashMap<ObjectId, i64>,
    /// The one that stands for those that the bag does not name.
    nameless: Option<i64>,
}

impl BroughtHolds {
    /// Keeps a version as it was kept elsewhere.
    pub(crate) fn keep(&mut self, tx: &mut Tx<'_>, version: i64, kept: &BagKept, bag: &str) -> Result<()> {
        retention::put_records(tx.conn, &[version], kept.record_since.as_millis())?;
        if let Some(until) = kept.retain_until {
            retention::put_until(tx.conn, version, until.as_millis())?;
        }
        for AwaitedEvent { event, period } in &kept.awaits {
            let period: &Period = period;
            retention::put_awaited(tx.conn, version, event, &period.to_string())?;
        }
        let mut holds = Vec::new();
        for hold in &kept.holds {
            holds.push(self.hold(tx, hold, bag)?);
        }
        if kept.held && holds.is_empty() {
            holds.push(self.nameless(tx, bag)?);
        }
        for hold in holds {
            retention::insert_held(tx.conn, hold, version, tx.now.as_millis(), tx.actor_no)?;
        }
        Ok(())
    }

    /// Returns the hold of this id; where it was released here, another one that is like it.
    fn hold(&mut self, tx: &mut Tx<'_>, hold: &BagHold, bag: &str) -> Result<i64> {
        if let Some(no) = self.known.get(&hold.id) {
            return Ok(*no);
        }
        let no = match retention::hold_locked(tx.conn, &hold.id.to_string())? {
            Some(found) if found.released_at.is_none() => found.no,
            Some(_) => make(tx, ObjectId::generate(), &hold.name, &hold.reason, bag)?,
            None => make(tx, hold.id, &hold.name, &hold.reason, bag)?,
        };
        self.known.insert(hold.id, no);
        Ok(no)
    }

    fn nameless(&mut self, tx: &mut Tx<'_>, bag: &str) -> Result<i64> {
        if let Some(no) = self.nameless {
            return Ok(no);
        }
        let reason = "under a legal hold where it came from";
        let no = make(tx, ObjectId::generate(), &format!("Bag {bag}"), reason, bag)?;
        self.nameless = Some(no);
        Ok(no)
    }
}

fn make(tx: &mut Tx<'_>, id: ObjectId, name: &str, reason: &str, bag: &str) -> Result<i64> {
    let id = id.to_string();
    let (created_at, created_by) = (tx.now.as_millis(), tx.actor_no);
    let no = retention::insert_hold(tx.conn, &NewHoldRow { id: &id, name, reason, created_at, created_by })?;
    let after = json!({ "name": name, "reason": reason });
    let detail = json!({ "legalHold": id, "bag": bag });
    tx.record(ChangeKind::Retention, Change { after: Some(after), detail: Some(detail), ..Change::default() })?;
    Ok(no)
}
