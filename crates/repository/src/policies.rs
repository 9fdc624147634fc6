//! Security policies of modules: which objects are hidden from all but a group, whatever access lists say.
//!
//! A policy is a predicate on an object as it is now: it bears a facet, and the instant in one of the facet's properties has not come.
//! It is compiled once, to a *mark*: in the transaction that makes it true of an object (or no longer), the object gets a list of
//! its own with a mark of the policy's name (or loses the mark). Marks are what both filters are made of. SQL filters rows by their
//! access list, and the index by the scopes whose lists allow: an access list with a mark, or below one with a mark, allows nothing
//! to anybody outside of the policy's group (`access.rs`). So reading, lists, counts, facets, search, statements and the change log cannot
//! differ, and an instant that comes needs no job. A policy that cannot be compiled to marks is refused at boot. Where the module
//! of a mark is left out, the mark hides from all but administrators, who may take it away.
//!
//! Administrators are bound by no policy, as by no list.

use std::collections::BTreeSet;

use cartulary_db::{Conn, Database};
use cartulary_model::permission::AccessEntry;
use cartulary_model::{BaseType, Cardinality, ChangeKind, ObjectId, PropertyKind, Timestamp, TypeRegistry};

use crate::bootstrap::parse_id;
use crate::module::Module;
use crate::services::access_lists::{has_own_list, own_list};
use crate::services::detail::properties_of;
use crate::store::objects::{self, ObjectRow};
use crate::store::{acl, changes, info, principals};
use crate::transaction::{Change, Tx};
use crate::{Repository, RepositoryError, Result};

/// How the names of lists begin that are marks.
const MARK: &str = "policy:";
/// What a mark takes.
const TAKES: &str = "Everything";
/// The fact that says which policies all objects were looked at with.
const SETTLED: &str = "securityPolicies";
/// How many objects are looked at in one transaction.
const PAGE: i64 = 200;

/// Hides the objects that bear a facet, with what lies in them, from all who are not in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityPolicy {
    /// The policy's name: `owner.word`.
    pub name: &'static str,
    /// The facet, attached to the object or borne by its type.
    pub facet: &'static str,
    /// A property of the facet: a single instant, from which on the object is hidden no more. None, or no value: it is hidden
    /// as long as it bears the facet.
    pub until: Option<&'static str>,
    /// The group whose members see what is hidden as far as lists allow; it is made when there is none of this name.
    pub seen_by: &'static str,
}

/// Says what is wrong with the policies of modules, with all types declared.
pub(crate) fn problems(modules: &[Module], types: &TypeRegistry) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for (module, policy) in modules.iter().flat_map(|module| module.policies.iter().map(move |policy| (module, policy)))
    {
        let SecurityPolicy { name, facet, until, seen_by } = *policy;
        if !name.starts_with(&format!("{}.", module.name)) || name.len() > 80 {
            problems.push(format!("the policy `{name}` of `{}` is outside its prefix", module.name));
        }
        if !names.insert(name) {
            problems.push(format!("the policy `{name}` is there twice"));
        }
        if seen_by.is_empty() {
            problems.push(format!("the policy `{name}` names no group that sees what it hides"));
        }
        let Some(resolved) = types.get(facet).filter(|found| found.definition.base == BaseType::Facet) else {
            let words = "neither rows nor the index can be filtered by it";
            problems.push(format!("the policy `{name}` is about `{facet}`, which is no facet: {words}"));
            continue;
        };
        let is_instant = |id: &str| {
            let found = resolved.properties.iter().find(|property| property.id == id);
            found.is_some_and(|one| one.kind == PropertyKind::Datetime && one.cardinality == Cardinality::Single)
        };
        if let Some(until) = until.filter(|until| !is_instant(until)) {
            let words = "no single instant of its facet: neither rows nor the index can be filtered by it";
            problems.push(format!("the policy `{name}` ends with `{until}`, which is {words}"));
        }
    }
    problems
}

/// A policy with the number of its group.
#[derive(Clone, Debug)]
struct Compiled {
    policy: SecurityPolicy,
    mark: String,
    group_no: i64,
}

/// The policies that hold here.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    all: Vec<Compiled>,
    everyone_no: i64,
}

/// Says whether a list's name is that of a mark.
pub(crate) fn is_mark(list: &str) -> bool {
    list.starts_with(MARK)
}

impl Policies {
    /// Says whether the members of a group are those who see what a policy hides.
    pub(crate) fn names_group(&self, group: i64) -> bool {
        self.all.iter().any(|one| one.group_no == group)
    }

    /// Compiles the policies of modules; makes their groups where there are none.
    pub(crate) async fn compile(
        database: &Database,
        modules: &[Module],
        everyone_no: i64,
        now: Timestamp,
    ) -> Result<Self> {
        let policies: Vec<SecurityPolicy> = modules.iter().flat_map(|module| module.policies.clone()).collect();
        if policies.is_empty() {
            return Ok(Self { all: Vec::new(), everyone_no });
        }
        let group_of = move |conn: &mut Conn, name: &str| -> Result<i64> {
            match principals::by_name(conn, principals::GROUP, name)? {
                Some(group) => Ok(group.no),
                None => {
                    let id = ObjectId::generate().to_string();
                    principals::insert(conn, &id, principals::GROUP, name, name, now.as_millis())
                }
            }
        };
        let all = database
            .write(move |conn| -> Result<Vec<Compiled>> {
                let compiled = policies.iter().map(|policy| {
                    let group_no = group_of(conn, policy.seen_by)?;
                    Ok(Compiled { policy: *policy, mark: format!("{MARK}{}", policy.name), group_no })
                });
                compiled.collect()
            })
            .await?;
        Ok(Self { all, everyone_no })
    }

    /// Says whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Says whether a mark of this name hides nothing from these principals. One of a policy that is not there hides from all.
    pub(crate) fn is_seen(&self, mark: &str, principals: &BTreeSet<i64>) -> bool {
        self.all.iter().any(|one| one.mark == mark && principals.contains(&one.group_no))
    }

    /// Says whether a mark of this name is that of a policy that holds here.
    pub(crate) fn has(&self, mark: &str) -> bool {
        self.all.iter().any(|one| one.mark == mark)
    }

    /// Says which policies these are, for comparison with another time's.
    fn fingerprint(&self) -> String {
        let mut words: Vec<String> = self.all.iter().map(|one| format!("{:?} {}", one.policy, one.group_no)).collect();
        words.sort();
        words.join("; ")
    }
}

/// Gives the objects that a transaction touched the marks that they need, and takes others from them.
pub(crate) fn settle(repository: &Repository, tx: &mut Tx<'_>) -> Result<()> {
    let types = repository.types();
    for no in tx.touched() {
        if let Some(row) = objects::by_no(tx.conn, no)? {
            settle_one(&repository.inner.policies, &types, tx, &row)?;
        }
    }
    Ok(())
}

fn settle_one(policies: &Policies, types: &TypeRegistry, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<()> {
    let live = match row.series_no {
        _ if row.role == objects::LIVE => Some(row.clone()),
        Some(series) => objects::live_of_series(tx.conn, &BTreeSet::from([series]))?.pop(),
        None => None,
    };
    let Some(live) = live.filter(|live| live.base != BaseType::Relationship.as_str()) else { return Ok(()) };
    let mut changed = Vec::new();
    for (one, wanted) in policies.wanted(tx.conn, types, &live, tx.now)? {
        if marks_of(tx.conn, &live, &one.mark)? != wanted {
            let own = own_list(tx, &live)?;
            acl::replace_entries(tx.conn, own, &one.mark, &wanted)?;
            acl::log_change(tx.conn, Some(own), None, tx.now.as_millis())?;
            changed.push((one.policy.name, !wanted.is_empty()));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let now_there = objects::by_no(tx.conn, live.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
    if now_there.scope_no != live.scope_no {
        // What the log says of the object, now and from before, is as hidden as the object.
        let all = match live.series_no {
            Some(series) => objects::numbers_of_series(tx.conn, series)?,
            None => vec![live.no],
        };
        changes::put_scope(tx.conn, &all, now_there.scope_no)?;
    }
    let detail: serde_json::Map<String, serde_json::Value> =
        changed.into_iter().map(|(name, hides)| (name.to_owned(), hides.into())).collect();
    tx.record(
        ChangeKind::Security,
        Change {
            object: Some((live.no, parse_id(&live.id)?)),
            series_no: live.series_no,
            scope_no: Some(now_there.scope_no),
            detail: Some(serde_json::json!({ "policies": detail })),
            ..Change::default()
        },
    )
}

impl Policies {
    /// Returns the mark that each policy wants an object to have; none where it does not hide it.
    fn wanted(
        &self,
        conn: &mut Conn,
        types: &TypeRegistry,
        live: &ObjectRow,
        now: Timestamp,
    ) -> Result<Vec<(&Compiled, Vec<AccessEntry>)>> {
        let facets = facets_of(conn, types, live)?;
        let properties = properties_of(live)?;
        let marks = self.all.iter().map(|one| {
            let value = one.policy.until.and_then(|property| properties.get(property));
            let until: Option<Timestamp> = value.and_then(|value| serde_json::from_value(value.clone()).ok());
            let is_wanted = facets.contains(one.policy.facet) && until.is_none_or(|until| until > now);
            (one, if is_wanted { vec![self.entry(until)] } else { Vec::new() })
        });
        Ok(marks.collect())
    }

    /// Says whether an object has the marks that it needs. One whose instant has come may still have it.
    pub(crate) fn are_settled(
        &self,
        conn: &mut Conn,
        types: &TypeRegistry,
        live: &ObjectRow,
        now: Timestamp,
    ) -> Result<bool> {
        for (one, wanted) in self.wanted(conn, types, live, now)? {
            let found = marks_of(conn, live, &one.mark)?;
            let is_over = wanted.is_empty() && found.iter().all(|entry| !entry.holds_at(now));
            if found != wanted && !is_over {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn entry(&self, until: Option<Timestamp>) -> AccessEntry {
        AccessEntry {
            principal_no: self.everyone_no,
            permission: TAKES.to_owned(),
            grants: false,
            begin_at: None,
            end_at: until,
        }
    }
}

/// Returns the facets that are attached to an object, and those that its type bears.
fn facets_of(conn: &mut Conn, types: &TypeRegistry, row: &ObjectRow) -> Result<BTreeSet<String>> {
    let mut facets: BTreeSet<String> = objects::facets_of(conn, row.no)?.into_iter().collect();
    if let Some(resolved) = types.get(&row.type_id) {
        let above = resolved.ancestors.iter().filter_map(|id| types.get(id)).map(|one| &one.definition);
        facets.extend(std::iter::once(&resolved.definition).chain(above).flat_map(|one| one.facets.iter().cloned()));
    }
    Ok(facets)
}

/// Returns the mark of a name that an object has in a list of its own.
fn marks_of(conn: &mut Conn, row: &ObjectRow, mark: &str) -> Result<Vec<AccessEntry>> {
    let scope = acl::scope_by_no(conn, row.scope_no)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
    if !has_own_list(conn, row, scope.acl_row_no)? {
        return Ok(Vec::new());
    }
    let entries = acl::entries_of(conn, scope.acl_row_no)?.into_iter();
    Ok(entries.filter(|entry| entry.list == mark).map(AccessEntry::from).collect())
}

/// Looks at all objects when the policies are others than before: those of modules that came, went or say something else.
pub(crate) async fn settle_all(repository: &Repository) -> Result<()> {
    let fingerprint = repository.inner.policies.fingerprint();
    let before = repository.database().read(|conn: &mut Conn| info::get(conn, SETTLED)).await?.unwrap_or_default();
    if before == fingerprint {
        return Ok(());
    }
    let known: BTreeSet<String> = repository.inner.policies.all.iter().map(|one| one.mark.clone()).collect();
    let system = repository.inner.system.no;
    let mut after = 0;
    loop {
        let owner = repository.clone();
        let page = repository
            .transact(system, move |tx| {
                let rows = objects::all_live_page(tx.conn, after, PAGE)?;
                let types = owner.types();
                for row in &rows {
                    settle_one(&owner.inner.policies, &types, tx, row)?;
                }
                Ok(rows.last().map(|row| row.no))
            })
            .await?;
        match page.value {
            Some(last) => after = last,
            None => break,
        }
    }
    let lists = repository.database().read(acl::named_lists).await?;
    for (_, list) in lists.iter().filter(|(_, list)| is_mark(list) && !known.contains(list)) {
        // Better hidden than shown because a module was forgotten.
        tracing::warn!(
            list,
            "objects are hidden by a policy of a module that is not here: administrators alone see them"
        );
    }
    repository.database().write(move |conn| info::put(conn, SETTLED, &fingerprint)).await?;
    Ok(())
}
