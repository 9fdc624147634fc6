//! Proof that version series, their versions and working copies agree.

use std::collections::BTreeMap;

use cartulary_db::Conn;

use crate::services::{VerifyReport, manifest};
use crate::store::objects::{self, ObjectRow};
use crate::store::{dossier_versions, filing, retention, versions};
use crate::{Repository, Result};

/// How many rows are looked at in one read.
const PAGE: i64 = 500;

impl Repository {
    /// Checks that a series that says it has a latest version has it, and that it is checked out if, and only if, it has a
    /// working copy, which lies in no folder.
    pub(crate) async fn verify_versions(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let series = versions::series_page(conn, after, PAGE)?;
                let nos: Vec<i64> = series.iter().map(|(no, ..)| *no).collect();
                Ok((versions::latest(conn, &nos)?, series))
            };
            let (latest, series) = self.database().read(read).await?;
            let Some((last, ..)) = series.last() else { break };
            after = *last;
            let checked_out: Vec<i64> = series.iter().filter_map(|(no, _, by)| by.map(|_| *no)).collect();
            let copies = self.working_copies_of(checked_out.clone()).await?;
            for (no, latest_major, _) in &series {
                if *latest_major > 0 && !latest.contains_key(no) {
                    report.fault(
                        "latest_version_missing",
                        no.to_string(),
                        "the latest version of a series is not there",
                    );
                }
            }
            for no in checked_out.iter().filter(|no| !copies.contains_key(no)) {
                let detail = "a document is checked out and has no working copy";
                report.fault("working_copy_missing", no.to_string(), detail);
            }
        }
        let wrong = self.database().read(|conn: &mut Conn| retention::wrongly_held(conn, PAGE)).await?;
        for no in wrong {
            let detail = "a version says another thing about legal holds than the holds do";
            report.fault("hold_not_as_said", no.to_string(), detail);
        }
        self.verify_working_copies(report).await?;
        self.verify_manifests(report).await
    }

    /// Checks that each version of a dossier has the digest of what it names.
    async fn verify_manifests(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let Some(row) = dossier_versions::page(conn, after, 1)?.pop() else { return Ok(None) };
                let members = dossier_versions::members(conn, row.no)?;
                let is_whole = manifest::is_whole(conn, &row, &members)?;
                Ok(Some((row.no, is_whole)))
            };
            let Some((no, is_whole)) = self.database().read(read).await? else { return Ok(()) };
            after = no;
            if !is_whole {
                let detail = "a version of a dossier does not have the digest of what it names";
                report.fault("dossier_version_altered", no.to_string(), detail);
            }
        }
    }

    async fn working_copies_of(&self, series: Vec<i64>) -> Result<BTreeMap<i64, ObjectRow>> {
        let read = move |conn: &mut Conn| -> Result<_> {
            let mut copies = BTreeMap::new();
            for no in series {
                copies.extend(objects::working_of_series(conn, no)?.map(|copy| (no, copy)));
            }
            Ok(copies)
        };
        self.database().read(read).await
    }

    async fn verify_working_copies(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let mut looked_at = Vec::new();
                for copy in objects::working_page(conn, after, PAGE)? {
                    let series = copy.series_no.map(|no| versions::series(conn, no)).transpose()?.flatten();
                    let is_checked_out = series.is_some_and(|series| series.checked_out_by.is_some());
                    let is_filed = filing::primary_place(conn, copy.no)?.is_some();
                    looked_at.push((copy.series_no.unwrap_or_default(), copy.no, is_checked_out, is_filed));
                }
                Ok(looked_at)
            };
            let looked_at: Vec<(i64, i64, bool, bool)> = self.database().read(read).await?;
            let Some((last, ..)) = looked_at.last() else { return Ok(()) };
            after = *last;
            for (_, no, is_checked_out, is_filed) in looked_at {
                if !is_checked_out {
                    let detail = "a working copy is of a document that nobody has checked out";
                    report.fault("working_copy_left", no.to_string(), detail);
                }
                if is_filed {
                    report.fault("working_copy_filed", no.to_string(), "a working copy lies in a folder");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cartulary_db::Conn;

    use super::*;
    use crate::object::{NewDocument, NewFolder, Precondition};
    use crate::services::{NewDossierVersion, VerifyOptions};
    use crate::transaction::Tx;
    use crate::{RepositoryError, Session};

    async fn faults(session: &Session) -> Vec<&'static str> {
        let report = session.repository().verify(VerifyOptions::default(), |_| {}).await.unwrap();
        report.faults.into_iter().map(|fault| fault.code).collect()
    }

    #[tokio::test]
    async fn what_does_not_agree_is_found() {
        for database in cartulary_db::testing::each_database(&[crate::CORE_MIGRATIONS]) {
            let folder = tempfile::tempdir().unwrap();
            let session = crate::testing::opened(&database, &folder).await.system_session();
            let new = NewFolder { name: "A".into(), ..NewFolder::default() };
            let dossier = session.dossier_create(new).await.unwrap().value.summary.id;
            let paper = NewDocument { name: "paper".into(), ..NewDocument::default() };
            let paper = session.document_create(dossier, paper).await.unwrap().value.summary.id;
            let copy = session.document_check_out(paper, None).await.unwrap().value.summary.id;
            session.dossier_version_create(dossier, Precondition::Any, NewDossierVersion::default()).await.unwrap();
            assert_eq!(faults(&session).await, [""; 0], "on {}", database.backend());
            let row = move |conn: &mut Conn| objects::by_id(conn, &copy.to_string()).map(Option::unwrap);
            let copy = session.repository().database().read(row).await.unwrap();
            let (series, no) = (copy.series_no.unwrap(), copy.no);
            let spoil = async |act: fn(&mut Tx<'_>, i64, i64) -> Result<()>, expect: &str| {
                session.transact(move |tx| act(tx, series, no)).await.unwrap();
                assert_eq!(faults(&session).await, [expect], "on {}", database.backend());
            };
            spoil(|tx, series, _| versions::put_checked_out(tx.conn, series, None), "working_copy_left").await;
            spoil(
                |tx, series, no| {
                    versions::put_checked_out(tx.conn, series, Some(tx.actor_no))?;
                    versions::destroy(tx.conn, no)
                },
                "working_copy_missing",
            )
            .await;
            spoil(
                |tx, series, _| {
                    versions::put_checked_out(tx.conn, series, None)?;
                    versions::put_latest(tx.conn, series, 7, 0, 0)
                },
                "latest_version_missing",
            )
            .await;
            spoil(
                |tx, series, _| {
                    versions::put_latest(tx.conn, series, 0, 0, 0)?;
                    let row = dossier_versions::page(tx.conn, 0, 1)?.pop();
                    let row = row.ok_or_else(|| RepositoryError::not_found("the version"))?;
                    let more = dossier_versions::MemberRow {
                        dossier_version_no: row.no,
                        ordinal: 9,
                        live_no: row.dossier_no,
                        version_no: None,
                        name: "added".into(),
                        parent_no: None,
                    };
                    dossier_versions::insert_members(tx.conn, &[more])
                },
                "dossier_version_altered",
            )
            .await;
        }
    }
}
