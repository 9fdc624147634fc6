//! The log as an auditor reads it: every entry with its values, the seals over it, and the proof of single entries.

use cartulary_db::Conn;
use cartulary_db::portable::{advisory_key, lock_in_transaction};
use cartulary_model::merkle::{self, Hash, Tree};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::detail::principal_name;
use crate::services::folders::window;
use crate::store::changes::{self, ChangeRow};
use crate::store::principals;
use crate::store::seals::{self, SealRow};
use crate::transaction::Change;
use crate::{Repository, RepositoryError, Result, Session};

/// How many entries one seal holds at most: a proof reads as many hashes.
const SEALED_MAX: i64 = 1_000_000;
/// How many hashes are read at a time.
const PAGE: i64 = 10_000;

/// An entry of the log with its values.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Its place in the log.
    pub position: i64,
    /// The transaction that it was part of.
    pub transaction: String,
    /// When.
    pub at: Timestamp,
    /// What happened: the words of [`ChangeKind`].
    pub kind: String,
    /// Whether it is an event of the audit trail only.
    pub audit_only: bool,
    /// The object, for entries about one.
    pub object_id: Option<ObjectId>,
    /// By whom.
    pub by: PrincipalName,
    /// The values before, as the JSON text that the digest was taken of.
    pub before: Option<String>,
    /// The values after.
    pub after: Option<String>,
    /// What else belongs to it.
    pub detail: String,
}

/// A seal over a stretch of the log.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The day (UTC) on which it was set, with `-2` and so on after it when it is not that day's first.
    pub label: String,
    /// The first entry that it holds.
    pub first_position: i64,
    /// The last.
    pub last_position: i64,
    /// The root of the tree over the chain hashes of these entries (RFC 6962 §2.1): to be published.
    pub merkle_root: Hash,
}

/// The proof that an entry stands in the log as it was sealed, for those who have the root and nothing else.
#[derive(Clone, Debug)]
pub struct AuditProof {
    /// The entry.
    pub entry: AuditEntry,
    /// The number under which the values name who did it.
    pub principal_no: i64,
    /// The chain hash of the entry before it.
    pub previous_chain: Vec<u8>,
    /// The entry's own.
    pub chain: Vec<u8>,
    /// The seal that holds it.
    pub seal: Seal,
    /// The hashes beside the way from the entry to the root, nearest first.
    pub path: Vec<Hash>,
}

impl Session {
    /// Returns up to `limit` entries after a position with their values, and the position to go on from.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn audit_list(&self, after: i64, limit: u64) -> Result<(Vec<AuditEntry>, i64)> {
        self.require_administrator()?;
        let limit = i64::try_from(limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<(Vec<AuditEntry>, i64)> {
            let rows = changes::after(conn, after, limit)?;
            let next = rows.last().and_then(|row| row.position).unwrap_or(after);
            let people = principals::by_nos(conn, &rows.iter().map(|row| row.principal_no).collect())?;
            let entry = |row: ChangeRow| entry(principal_name(&people, row.principal_no)?, row);
            Ok((rows.into_iter().map(entry).collect::<Result<_>>()?, next))
        };
        self.repository.database().read(read).await
    }

    /// Returns a window of the seals, the newest first.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn seal_list(&self, request: WindowRequest) -> Result<Window<Seal>> {
        self.require_administrator()?;
        let read = move |conn: &mut Conn| -> Result<Window<Seal>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
            let (total, rows) = seals::window(conn, offset, limit)?;
            let items = rows.into_iter().map(|row| seal_of(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Seals what was committed so far; nothing when the log has grown by nothing but seals since the last.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators.
    pub async fn seal_create(&self) -> Result<Option<Written<Seal>>> {
        self.require_administrator()?;
        self.repository.sequence_now().await?;
        self.seal().await
    }

    /// Returns the proof that an entry stands in the log as it was sealed.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `NotFound`; `Conflict` `not_sealed` for an entry after the last seal.
    pub async fn audit_proof(&self, position: i64) -> Result<AuditProof> {
        self.require_administrator()?;
        let read = move |conn: &mut Conn| proof(conn, position);
        self.repository.database().read(read).await
    }

    /// Seals the stretch after the last seal. The tree is made of what nobody changes any more, outside the transaction.
    async fn seal(&self) -> Result<Option<Written<Seal>>> {
        let database = self.repository.database();
        let look = |conn: &mut Conn| -> Result<(i64, i64)> {
            let sealed = seals::before(conn, i64::MAX)?.map_or(0, |seal| seal.position);
            Ok((sealed, changes::last_position(conn)?.min(sealed + SEALED_MAX)))
        };
        let (sealed, until) = database.read(look).await?;
        let is_nothing_new = database.read(move |conn: &mut Conn| has_only_seals(conn, sealed, until)).await?;
        if is_nothing_new {
            return Ok(None);
        }
        let mut tree = Tree::default();
        let mut reached = sealed;
        while reached < until {
            let page = database.read(move |conn: &mut Conn| seals::chains(conn, reached, until, PAGE)).await?;
            let Some((last, _)) = page.last() else { break };
            reached = *last;
            page.iter().for_each(|(_, chain)| tree.push(merkle::leaf(chain)));
        }
        let root = tree.root();
        let identity = self.repository.log_identity().to_owned();
        let written = self
            .transact(move |tx| {
                lock_in_transaction(tx.conn, advisory_key(&identity, "seals"))?;
                let is_first = seals::before(tx.conn, i64::MAX)?.map_or(0, |seal| seal.position) == sealed;
                if !is_first {
                    return Ok(None);
                }
                let day = day_of(tx.now);
                let label = match seals::count_of_day(tx.conn, &day)? {
                    0 => day,
                    others => format!("{day}-{}", others + 1),
                };
                seals::insert(tx.conn, &SealRow { day: label.clone(), position: reached, merkle_root: root.to_vec() })?;
                let detail = json!({ "seal": label, "lastPosition": reached, "merkleRoot": hex::encode(root) });
                tx.record(ChangeKind::Sealed, Change { detail: Some(detail), ..Change::default() })?;
                Ok(Some(Seal { label, first_position: sealed + 1, last_position: reached, merkle_root: root }))
            })
            .await?;
        let Written { value, transaction } = written;
        Ok(value.map(|value| Written { value, transaction }))
    }
}

impl Repository {
    /// Seals the log if this day has no seal yet.
    pub(crate) async fn seal_daily(&self) -> Result<()> {
        let day = day_of(self.clock().now());
        let has_one = self.database().read(move |conn: &mut Conn| Ok(seals::count_of_day(conn, &day)? > 0));
        let has_one: Result<bool> = has_one.await;
        if has_one? {
            return Ok(());
        }
        if let Some(sealed) = self.system_session().seal().await? {
            tracing::info!(
                seal.label = sealed.value.label,
                seal.last_position = sealed.value.last_position,
                "the change log was sealed"
            );
        }
        Ok(())
    }
}

/// Says whether nothing but entries of seals stands between two positions.
fn has_only_seals(conn: &mut Conn, after: i64, until: i64) -> Result<bool> {
    let rows = changes::after(conn, after, 2)?;
    Ok(until <= after || (rows.len() == 1 && rows.iter().all(|row| row.kind == ChangeKind::Sealed.as_str())))
}

/// Returns the proof of an entry.
pub(super) fn proof(conn: &mut Conn, position: i64) -> Result<AuditProof> {
    let not_found = || RepositoryError::not_found(format!("the entry {position}"));
    let mut rows = changes::after(conn, position - 2, 2)?.into_iter();
    let (first, second) = (rows.next(), rows.next());
    let (previous, row) = match (first, second) {
        (Some(row), _) if row.position == Some(position) => (None, row),
        (Some(previous), Some(row)) if row.position == Some(position) => (Some(previous), row),
        _ => return Err(not_found()),
    };
    let Some(seal) = seals::holding(conn, position)? else {
        let detail = "the entry stands after the last seal: seal the log, or wait until tomorrow";
        return Err(RepositoryError::conflict("not_sealed", detail));
    };
    let seal = seal_of(conn, seal)?;
    let chains = seals::chains(conn, seal.first_position - 1, seal.last_position, SEALED_MAX)?;
    let leaves: Vec<Hash> = chains.iter().map(|(_, chain)| merkle::leaf(chain)).collect();
    let index = usize::try_from(position - seal.first_position).map_err(RepositoryError::internal)?;
    let path = merkle::path(&leaves, index).ok_or_else(not_found)?;
    let people = principals::by_nos(conn, &std::iter::once(row.principal_no).collect())?;
    let chain = row.chain.clone().unwrap_or_default();
    Ok(AuditProof {
        principal_no: row.principal_no,
        previous_chain: previous.and_then(|previous| previous.chain).unwrap_or_else(|| vec![0; 32]),
        chain,
        seal,
        path,
        entry: entry(principal_name(&people, row.principal_no)?, row)?,
    })
}

fn entry(by: PrincipalName, row: ChangeRow) -> Result<AuditEntry> {
    Ok(AuditEntry {
        position: row.position.unwrap_or_default(),
        transaction: row.transaction_id,
        at: Timestamp::from_millis(row.at),
        kind: row.kind,
        audit_only: row.audit_only,
        object_id: row.object_id.as_deref().map(parse_id).transpose()?,
        by,
        before: row.before_json,
        after: row.after_json,
        detail: row.detail,
    })
}

fn seal_of(conn: &mut Conn, row: SealRow) -> Result<Seal> {
    let first_position = seals::before(conn, row.position)?.map_or(0, |seal| seal.position) + 1;
    let merkle_root = row.merkle_root.try_into().map_err(|_| RepositoryError::internal("a seal without a root"))?;
    Ok(Seal { label: row.day, first_position, last_position: row.position, merkle_root })
}

/// Returns the day of an instant, UTC: the first ten characters of ISO 8601.
fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
