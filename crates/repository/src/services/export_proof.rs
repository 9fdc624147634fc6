//! A version of a dossier as a bag: its manifest, each version that it names with its bytes, and the proof that the log has it.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{EXPORT_CONFIDENTIAL, READ_CONTENT, READ_PROPERTIES};
use cartulary_model::{ObjectId, Timestamp};
use serde_json::{Value, json};

use crate::services::audit::{AuditProof, proof};
use crate::services::bag::form::Values;
use crate::services::bag::gather::{Bytes, Gathering};
use crate::services::bag::writer::{BagWriter, Sink};
use crate::services::export_rights::Taken;
use crate::services::export_run::{Progress, WrittenBag};
use crate::services::manifest;
use crate::services::readings::Reading;
use crate::store::objects::{self, ObjectRow};
use crate::store::{changes, dossier_versions, exports, versions};
use crate::{RepositoryError, Result, Session};

/// The manifest, as the digest was taken of it.
const MANIFEST: &str = "data/manifest.json";
/// The proof that the log has the digest, for `scripts/verify-proof`.
const PROOF: &str = "data/proof.json";

/// A version of a dossier, ready to be written.
struct Prepared {
    manifest: String,
    digest: String,
    /// The versions and papers that it names: where they stand, and what they are.
    members: Vec<(String, Value)>,
    bytes: BTreeSet<Bytes>,
    /// What of the office is in it.
    taken: Taken,
    /// How many of them lack files, of which their pages are, that the caller may not read whole.
    left_out: u64,
    /// What is written down of what was read.
    readings: Vec<Reading>,
    /// The place of its entry in the log.
    position: i64,
}

impl Session {
    /// Writes a version of a dossier into a bag. It is whole or not at all: who may not read all of it does not get it.
    pub(super) async fn write_dossier_version(
        &self,
        sink: Sink,
        (dossier, number): (ObjectId, i32),
        id: &str,
        row: Option<i64>,
    ) -> Result<WrittenBag> {
        self.repository.sequence_now().await?;
        let (session, now) = (self.clone(), self.repository.clock().now());
        let prepare = move |conn: &mut Conn| session.prepare_dossier_version(conn, dossier, number, now);
        let prepared = self.repository.database().read(prepare).await?;
        let count = prepared.members.len() as u64;
        self.count(row, i64::try_from(count).unwrap_or(i64::MAX)).await?;
        let proof = self.sealed_proof(prepared.position).await?;
        let mut bag = BagWriter::begin(sink, &self.repository.inner.config.work_dir).await?;
        bag.whole(MANIFEST, prepared.manifest.into_bytes()).await?;
        bag.whole(PROOF, serde_json::to_vec_pretty(&as_json(&proof)).map_err(RepositoryError::internal)?).await?;
        for reading in prepared.readings {
            self.note_reading(Some(reading), json!({ "export": id })).await?;
        }
        for (path, member) in &prepared.members {
            bag.whole(path, serde_json::to_vec_pretty(member).map_err(RepositoryError::internal)?).await?;
        }
        for bytes in &prepared.bytes {
            self.write_bytes(&mut bag, bytes).await?;
        }
        let info = [
            ("External-Identifier", id.to_owned()),
            ("External-Description", format!("version {number} of the dossier {dossier}")),
            ("Cartulary-Manifest-SHA-256", prepared.digest),
            ("Cartulary-Merkle-Root", hex::encode(proof.seal.merkle_root)),
            ("Cartulary-Objects", count.to_string()),
            ("Cartulary-Left-Out", prepared.left_out.to_string()),
        ];
        bag.end(&info, now).await?;
        self.look(&Progress { no: row, done: count }, prepared.left_out).await?;
        Ok(WrittenBag { object_count: count, left_out_count: prepared.left_out, taken: prepared.taken })
    }

    fn prepare_dossier_version(
        &self,
        conn: &mut Conn,
        dossier: ObjectId,
        number: i32,
        now: Timestamp,
    ) -> Result<Prepared> {
        let (dossier, row) = self.numbered(conn, dossier, number, READ_PROPERTIES, now)?;
        let members = dossier_versions::members(conn, row.no)?;
        let nos: Vec<i64> = members.iter().map(|member| member.live_no).collect();
        let live = objects::by_nos(conn, &nos)?;
        self.require_whole(conn, live.values().chain([&dossier]), now)?;
        let manifest = match exports::kept_manifest(conn, row.no)? {
            Some(text) => text,
            None => manifest::text_of(conn, &row, &members)?,
        };
        let mut gathering = Gathering::begin(self, now);
        let (mut written, mut readings) = (Vec::with_capacity(members.len()), Vec::new());
        let mut taken = Taken::default();
        taken.add([dossier.no], false);
        let mut met = BTreeSet::new();
        for member in &members {
            let named = member.version_no.unwrap_or(member.live_no);
            // What lies in several folders is written once; the manifest says where it lies.
            if !met.insert(named) {
                continue;
            }
            let Some(object) = objects::by_no(conn, named)? else { continue };
            let version = versions::by_object(conn, named)?;
            gathering.about(member.live_no);
            taken.add([member.live_no, named], true);
            let values: Values = gathering.values(conn, &object)?;
            readings.extend(self.reading_of(conn, &object)?);
            let said = json!({
                "id": object.id, "nameInDossier": member.name, "values": values,
                "version": version.as_ref().map(|version| json!({
                    "label": format!("{}.{}", version.major, version.minor), "comment": version.comment,
                    "madeAt": Timestamp::from_millis(version.made_at),
                })),
            });
            written.push((format!("data/members/{}.json", object.id), said));
        }
        let position = position_of(conn, &dossier, &row.id)?;
        let digest = hex::encode(&row.digest);
        let (bytes, left_out) = gathering.into_bytes();
        Ok(Prepared {
            manifest,
            digest,
            members: written,
            bytes,
            left_out: left_out.count(),
            readings,
            position,
            taken,
        })
    }

    fn require_whole<'a>(
        &self,
        conn: &mut Conn,
        rows: impl Iterator<Item = &'a ObjectRow>,
        now: Timestamp,
    ) -> Result<()> {
        let access = &self.repository.inner.access;
        for row in rows {
            for wanted in [READ_PROPERTIES, READ_CONTENT] {
                if !access.allows(conn, &self.actor, row.scope_no, wanted, now)? {
                    return Err(RepositoryError::Forbidden { permission: wanted.to_owned() });
                }
            }
            let may_export = access.allows(conn, &self.actor, row.scope_no, EXPORT_CONFIDENTIAL, now)?;
            if !may_export && self.is_confidential(conn, row)? {
                return Err(RepositoryError::Forbidden { permission: EXPORT_CONFIDENTIAL.to_owned() });
            }
        }
        Ok(())
    }

    /// Returns the proof of an entry, after a seal that holds it if there is none yet.
    async fn sealed_proof(&self, position: i64) -> Result<AuditProof> {
        let database = self.repository.database();
        match database.read(move |conn: &mut Conn| proof(conn, position)).await {
            Err(RepositoryError::Conflict { code: "not_sealed", .. }) => {
                self.repository.system_session().seal_create().await?;
                database.read(move |conn: &mut Conn| proof(conn, position)).await
            }
            found => found,
        }
    }
}

/// Returns the place of the entry in the log that says of a version of a dossier that it was made, or brought in.
fn position_of(conn: &mut Conn, dossier: &ObjectRow, version: &str) -> Result<i64> {
    let names_it = |detail: &str| {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        detail.get("dossierVersionId").and_then(Value::as_str) == Some(version)
    };
    let entries = changes::details_of(conn, dossier.no, &dossier.id)?;
    let found = entries.into_iter().find(|(_, detail)| names_it(detail)).and_then(|(position, _)| position);
    found.ok_or_else(|| RepositoryError::not_found("the entry of the log"))
}

/// Returns a proof as `GET /audit-entries/{position}/proof` answers it.
fn as_json(proof: &AuditProof) -> Value {
    let entry = &proof.entry;
    let mut said = json!({
        "position": entry.position, "transaction": entry.transaction, "at": entry.at, "kind": entry.kind,
        "auditOnly": entry.audit_only, "by": entry.by.name, "detail": entry.detail,
    });
    if let Value::Object(said) = &mut said {
        let values = [
            ("objectId", entry.object_id.map(|id| id.to_string())),
            ("before", entry.before.clone()),
            ("after", entry.after.clone()),
        ];
        said.extend(values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))));
    }
    json!({
        "entry": said, "atMs": entry.at.as_millis(), "principalNumber": proof.principal_no,
        "previousChain": hex::encode(&proof.previous_chain), "chain": hex::encode(&proof.chain),
        "seal": {
            "label": proof.seal.label, "firstPosition": proof.seal.first_position,
            "lastPosition": proof.seal.last_position, "merkleRoot": hex::encode(proof.seal.merkle_root),
        },
        "path": proof.path.iter().map(hex::encode).collect::<Vec<_>>(),
    })
}
