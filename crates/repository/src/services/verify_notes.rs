//! Proof that what people put on objects, and keep for themselves, refers to what is there.

use std::collections::BTreeSet;

use cartulary_db::Conn;

use crate::services::VerifyReport;
use crate::services::saved_searches::read_saved;
use crate::store::{saved_searches, strays};
use crate::{Repository, Result};

/// How many rows of a kind are looked at in one read, and named.
const PAGE: i64 = 500;

/// A row that refers to what is not there: its code, what it is, and what is wrong with it.
type Stray = (&'static str, String, &'static str);

impl Repository {
    /// Checks tags, comments, annotations, collections, relationships, locks, subscriptions, saved searches and to whom they are
    /// shown.
    pub(crate) async fn verify_notes(&self, report: &mut VerifyReport) -> Result<()> {
        for (code, subject, detail) in self.database().read(strays_of_objects).await? {
            report.fault(code, subject, detail);
        }
        for (code, subject, detail) in self.database().read(strays_of_people).await? {
            report.fault(code, subject, detail);
        }
        self.verify_threads(report).await?;
        let mut after = 0;
        loop {
            let rows = self.database().read(move |conn: &mut Conn| saved_searches::page(conn, after, PAGE)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.no;
            for row in rows.into_iter().filter(|row| read_saved(row).is_err()) {
                report.fault("saved_search_unreadable", row.id, "what is stored of a saved search cannot be read");
            }
        }
    }

    /// Looks whether each comment is in a thread of its own object, and answers a comment there.
    async fn verify_threads(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let rows = strays::threads(conn, after, PAGE)?;
                let named: BTreeSet<i64> = rows.iter().flat_map(|row| [row.thread_no, row.answers_no]).collect();
                let objects = strays::objects_of_comments(conn, &named.into_iter().collect::<Vec<_>>())?;
                Ok((rows, objects))
            };
            let (rows, objects) = self.database().read(read).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.no;
            for row in rows {
                let is_there = |no: i64| no == 0 || objects.get(&no) == Some(&row.object_no);
                if !is_there(row.thread_no) || !is_there(row.answers_no) {
                    let detail = "a comment is in a thread, or answers a comment, that is not there";
                    report.fault("comment_stray", row.id, detail);
                }
            }
        }
    }
}

/// Returns what is put on objects that are not there.
fn strays_of_objects(conn: &mut Conn) -> Result<Vec<Stray>> {
    let mut found: Vec<Stray> = Vec::new();
    for id in strays::tags(conn, PAGE)? {
        found.push(("tag_stray", id, "a tag is on an object, or of somebody, that is not there"));
    }
    for id in strays::comments(conn, PAGE)? {
        found.push(("comment_stray", id, "a comment is on an object that is not there"));
    }
    for id in strays::annotations(conn, PAGE)? {
        found.push(("annotation_stray", id, "an annotation is of a document, or on bytes, that are not there"));
    }
    for no in strays::relationships(conn, PAGE)? {
        found.push(("relationship_stray", no.to_string(), "a relationship has an end that is not there"));
    }
    for no in strays::trashed_relationships(conn, PAGE)? {
        found.push(("relationship_in_trash", no.to_string(), "a relationship is in the trash, where none comes"));
    }
    for no in strays::locks(conn, PAGE)? {
        found.push(("lock_stray", no.to_string(), "a lock is on an object, or of somebody, that is not there"));
    }
    Ok(found)
}

/// Returns what people keep of what is not there.
fn strays_of_people(conn: &mut Conn) -> Result<Vec<Stray>> {
    let mut found: Vec<Stray> = Vec::new();
    for no in strays::collection_items(conn, PAGE)? {
        found.push((
            "collection_item_stray",
            no.to_string(),
            "what is in a collection, or the collection, is not there",
        ));
    }
    for id in strays::subscriptions(conn, PAGE)? {
        found.push(("subscription_stray", id, "a subscription is to what is not there"));
    }
    for id in strays::shares(conn, PAGE)? {
        found.push(("share_stray", id, "what is shown to somebody is not there"));
    }
    for id in strays::of_nobody(conn, PAGE)? {
        found.push(("owner_missing", id, "a collection or saved search is of somebody who is not there"));
    }
    Ok(found)
}
