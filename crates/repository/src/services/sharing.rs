//! To whom something of a person's is shown: users and groups, to read or to write.

use std::collections::BTreeMap;

use cartulary_db::Conn;
use cartulary_model::Violation;
use serde_json::{Value, json};

use crate::object::PrincipalName;
use crate::services::access_lists::find_principal;
use crate::services::detail::name_of;
use crate::store::principals;
use crate::store::shares::{self, ShareRow};
use crate::{RepositoryError, Result, Session};

/// To how many one thing is shown at most.
const SHARES_MAX: usize = 100;

/// That something is to be shown to somebody.
#[derive(Clone, Debug)]
pub struct NewShare {
    /// A user or a group, by name or id.
    pub principal: String,
    /// Whether they may change it too.
    pub may_write: bool,
}

/// That something is shown to somebody.
#[derive(Clone, Debug)]
pub struct Share {
    /// The user or group.
    pub principal: PrincipalName,
    /// Whether it is a group.
    pub is_group: bool,
    /// Whether they may change it too.
    pub may_write: bool,
}

/// What somebody may do with something that is a person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    /// Look at it.
    Read,
    /// Change what is in it.
    Write,
    /// Everything.
    Own,
}

impl Hold {
    /// Refuses whoever may not do so much.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(crate) fn require(self, wanted: Self) -> Result<()> {
        if self >= wanted {
            return Ok(());
        }
        let permission = if wanted == Self::Own { "owner" } else { "write" };
        Err(RepositoryError::Forbidden { permission: permission.to_owned() })
    }
}

impl Session {
    /// Returns what the caller may do with something of an owner's; nothing: he is not to know of it.
    pub(crate) fn hold_on(&self, conn: &mut Conn, owner: i64, subject: &str) -> Result<Option<Hold>> {
        if owner == self.actor.no {
            return Ok(Some(Hold::Own));
        }
        let is_mine = |share: &&ShareRow| self.actor.principals.contains(&share.principal_no);
        let all = shares::of(conn, subject)?;
        Ok(all.iter().filter(is_mine).map(|share| if share.may_write { Hold::Write } else { Hold::Read }).max())
    }

    /// Returns what others show to the caller: what he may do with it, by its id.
    pub(crate) fn shown_to_me(&self, conn: &mut Conn) -> Result<BTreeMap<String, Hold>> {
        let principals: Vec<i64> = self.actor.principals.iter().copied().collect();
        let mut shown = BTreeMap::new();
        for share in shares::shown_to(conn, &principals)? {
            let hold = if share.may_write { Hold::Write } else { Hold::Read };
            let known = shown.entry(share.subject_id).or_insert(hold);
            *known = hold.max(*known);
        }
        Ok(shown)
    }
}

/// Returns what a request says of shares, to know the same request again.
pub(crate) fn said_of_shares(shares: &[NewShare]) -> Value {
    shares.iter().map(|share| json!([share.principal, share.may_write])).collect()
}

/// Replaces to whom something is shown.
///
/// # Errors
/// `Invalid` for somebody who is not there, or is named twice, and for too many.
pub(crate) fn put_shares(conn: &mut Conn, subject: &str, wanted: &[NewShare]) -> Result<()> {
    let named = check_shares(conn, wanted)?;
    let row = |(principal_no, may_write)| ShareRow { subject_id: subject.to_owned(), principal_no, may_write };
    shares::replace(conn, subject, &named.into_iter().map(row).collect::<Vec<_>>())
}

/// Returns the numbers of those to whom something is to be shown, and whether they may change it.
///
/// # Errors
/// As [`put_shares`].
pub(crate) fn check_shares(conn: &mut Conn, wanted: &[NewShare]) -> Result<Vec<(i64, bool)>> {
    let mut violations = Vec::new();
    if wanted.len() > SHARES_MAX {
        let detail = format!("has at most {SHARES_MAX} entries: make a group of them");
        violations.push(Violation::new("shares", "too_many", detail));
    }
    let mut named: Vec<(i64, bool)> = Vec::new();
    for (position, share) in wanted.iter().take(SHARES_MAX).enumerate() {
        let field = format!("shares[{position}].principal");
        match find_principal(conn, &share.principal)? {
            None => violations.push(Violation::new(field, "unknown_principal", "is neither a user nor a group")),
            Some(found) if named.iter().any(|(no, _)| *no == found.no) => {
                violations.push(Violation::new(field, "duplicate_entry", "stands in the list twice"));
            }
            Some(found) => named.push((found.no, share.may_write)),
        }
    }
    if violations.is_empty() { Ok(named) } else { Err(RepositoryError::Invalid { violations }) }
}

/// Returns to whom something is shown.
pub(crate) fn shares_of(conn: &mut Conn, subject: &str) -> Result<Vec<Share>> {
    let rows = shares::of(conn, subject)?;
    let people = principals::by_nos(conn, &rows.iter().map(|row| row.principal_no).collect())?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(principal) = people.get(&row.principal_no) else { continue };
        let is_group = principal.kind == principals::GROUP;
        all.push(Share { principal: name_of(principal)?, is_group, may_write: row.may_write });
    }
    Ok(all)
}
