//! What two states of a dossier differ in.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{READ_CHILDREN, READ_PROPERTIES};
use cartulary_model::{ObjectId, Properties};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::object::{WINDOW_ROWS_MAX, Window, WindowRequest};
use crate::services::detail::properties_of;
use crate::services::dossier_versions::properties_of_version;
use crate::services::folders::{cut, window};
use crate::services::manifest::{self, Member, MemberDifference, Side, present_members};
use crate::services::readings::Reading;
use crate::store::dossier_versions::{self, DossierVersionRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::versions;
use crate::{Result, Session};

/// A member in one of two versions of a dossier.
#[derive(Clone, Debug)]
pub struct DossierMemberSide {
    /// Its name.
    pub name: String,
    /// The id of the version of the document.
    pub version_id: Option<ObjectId>,
    /// That version's label, with `+` when the document was changed since.
    pub version_label: Option<String>,
    /// Its place among what the caller sees there, from 1.
    pub place: u64,
    /// The folder that it lay in, the dossier or one below it; nothing when the caller may not browse that.
    pub folder: Option<ObjectId>,
}

/// What a member differs in between two versions of a dossier.
#[derive(Clone, Debug)]
pub struct DossierDifference {
    /// The live object's id.
    pub id: ObjectId,
    /// What it was; nothing when it was added.
    pub before: Option<DossierMemberSide>,
    /// What it became; nothing when it was removed.
    pub after: Option<DossierMemberSide>,
    /// `added`, `removed`, `moved`, `version`, `renamed`: at least one.
    pub kinds: Vec<&'static str>,
}

/// What a value of a dossier differs in.
#[derive(Clone, Debug)]
pub struct ValueDifference {
    /// `name`, `title`, or `properties.` and the property's id.
    pub field: String,
    /// The value before; null without one.
    pub before: Value,
    /// The value after; null without one.
    pub after: Value,
}

/// What two states of a dossier differ in.
#[derive(Clone, Debug)]
pub struct DossierComparison {
    /// The dossier's own values that differ; none when the caller may only browse.
    pub values: Vec<ValueDifference>,
    /// A window of the members that differ.
    pub members: Window<DossierDifference>,
}

impl Session {
    /// Compares two versions of a dossier, or one with the dossier as it is (`to` absent), with all that lies below it; of the
    /// members, those that the caller may browse today. Of a version that names only what lay directly in the dossier, as
    /// they once were made, that much is compared.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadChildren`; `Conflict` `not_a_dossier`, `use_bulk_action` for a present state of
    /// more than 10,000 members.
    pub async fn dossier_version_compare(
        &self,
        id: ObjectId,
        from: i32,
        to: Option<i32>,
        request: WindowRequest,
    ) -> Result<DossierComparison> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| -> Result<(DossierComparison, Vec<Reading>)> {
            let (dossier, from) = session.numbered(conn, id, from, READ_CHILDREN, now)?;
            let mut before: Vec<Member> =
                dossier_versions::members(conn, from.no)?.into_iter().map(Member::from).collect();
            let mut is_whole = from.format >= manifest::WHOLE_TREE;
            let (values, mut after) = match to {
                Some(number) => {
                    let (_, to) = session.numbered(conn, id, number, READ_CHILDREN, now)?;
                    let members: Vec<Member> =
                        dossier_versions::members(conn, to.no)?.into_iter().map(Member::from).collect();
                    is_whole &= to.format >= manifest::WHOLE_TREE;
                    let values = value_differences(&values_of_version(&from)?, &values_of_version(&to)?);
                    (values, members)
                }
                None => {
                    let members = present_members(conn, dossier.no)?.into_iter().map(|(member, _)| member).collect();
                    (value_differences(&values_of_version(&from)?, &values_of_object(&dossier)?), members)
                }
            };
            if !is_whole {
                // One of them says nothing of what lay below: that is not compared.
                before.retain(|member| member.parent_no.is_none());
                after.retain(|member| member.parent_no.is_none());
            }
            let access = &session.repository.inner.access;
            let may_read = access.allows(conn, &session.actor, dossier.scope_no, READ_PROPERTIES, now)?;
            let values = if may_read { values } else { Vec::new() };
            let (before, mut live) = session.visible(conn, before, now)?;
            let (after, more) = session.visible(conn, after, now)?;
            live.extend(more);
            let differences = manifest::compare(before, after);
            let shown = cut(&differences, request);
            let items = differences_of(conn, shown, (id, &live))?;
            let readings = session.readings_among(conn, &[dossier.no], now)?;
            Ok((DossierComparison { values, members: window(differences.len() as u64, items, request) }, readings))
        };
        self.read_noted("dossier version differences", read).await
    }
}

/// The values of a dossier: by `name`, `title`, and `properties.` with the property's id.
type Values = BTreeMap<String, Value>;

fn values(name: &str, title: &str, properties: Properties) -> Values {
    let own = [("name".to_owned(), json!(name)), ("title".to_owned(), json!(title))];
    own.into_iter().chain(properties.into_iter().map(|(id, value)| (format!("properties.{id}"), value))).collect()
}

fn values_of_version(row: &DossierVersionRow) -> Result<Values> {
    Ok(values(&row.name, &row.title, properties_of_version(row)?))
}

fn values_of_object(row: &ObjectRow) -> Result<Values> {
    Ok(values(&row.name, &row.title, properties_of(row)?))
}

fn value_differences(before: &Values, after: &Values) -> Vec<ValueDifference> {
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |values: &Values, field: &String| values.get(field).cloned().unwrap_or_default();
    let differences = fields.into_iter().map(|field| ValueDifference {
        field: field.clone(),
        before: of(before, field),
        after: of(after, field),
    });
    differences.filter(|one| one.before != one.after).collect()
}

fn differences_of(
    conn: &mut Conn,
    differences: &[MemberDifference],
    (dossier, live): (ObjectId, &BTreeMap<i64, ObjectRow>),
) -> Result<Vec<DossierDifference>> {
    let sides = differences.iter().flat_map(|one| one.before.iter().chain(&one.after));
    let nos: Vec<i64> = sides.filter_map(|side| side.member.version_no).collect();
    let (ids, labels) = (objects::by_nos(conn, &nos)?, versions::by_objects(conn, &nos)?);
    let side = |side: &Side| -> Result<DossierMemberSide> {
        let version = side.member.version_no;
        let label = version.and_then(|no| labels.get(&no)).map(|version| {
            let plus = if side.member.is_changed { "+" } else { "" };
            format!("{}.{}{plus}", version.major, version.minor)
        });
        Ok(DossierMemberSide {
            name: side.member.name.clone(),
            version_id: version.and_then(|no| ids.get(&no)).map(|row| parse_id(&row.id)).transpose()?,
            version_label: label,
            place: side.place as u64 + 1,
            folder: match side.member.parent_no {
                None => Some(dossier),
                Some(no) => live.get(&no).map(|folder| parse_id(&folder.id)).transpose()?,
            },
        })
    };
    let mut found = Vec::with_capacity(differences.len());
    for one in differences {
        let Some(row) = live.get(&one.live_no) else { continue };
        let kinds = [
            (one.before.is_none(), "added"),
            (one.after.is_none(), "removed"),
            (one.is_moved, "moved"),
            (one.is_other_version(), "version"),
            (one.is_renamed(), "renamed"),
        ];
        found.push(DossierDifference {
            id: parse_id(&row.id)?,
            before: one.before.as_ref().map(side).transpose()?,
            after: one.after.as_ref().map(side).transpose()?,
            kinds: kinds.into_iter().filter(|(holds, _)| *holds).map(|(_, kind)| kind).collect(),
        });
    }
    Ok(found)
}
