//! Proof that version series, their versions and working copies agree.

use std::collections::BTreeMap;

use cartulary_db::Conn;

use crate::services::{VerifyReport, manifest};
use crate::store::objects::{self, ObjectRow};
use crate::store::{dossier_versions, filing, versions};
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
                let is_whole = manifest::digest_of(conn, &row, &members)? == row.digest;
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
