//! Finds what is wrong with the values of an object or a version in a bag: by the rules that hold for whoever makes one here.

use std::collections::BTreeMap;

use cartulary_model::{ContentRule, Name, SlotName, TypeRegistry, Violation};

use super::content_path;
use super::form::{BagAccess, BagContent, BagSource, Values};
use super::read::{Faults, OpenBag};
use crate::object::Source;
use crate::policies::is_mark;
use crate::services::access_lists::{ENTRIES_MAX, LISTS_MAX, is_list_name};
use crate::services::arrangements::check_brought_pages;
use crate::services::documents::{is_file_name, is_media_type};
use crate::services::objects::check_title;
use crate::services::slots::SLOTS_MAX;
use crate::store::acl::LOCAL;
use crate::{RepositoryError, Result};

/// The longest name of a file that is kept as bytes. *Units*: bytes.
const RAW_NAME_BYTES_MAX: usize = 16 << 10;

/// What is known of the values of an object.
#[derive(Clone, Copy)]
pub(super) struct Valued<'a> {
    pub path: &'a str,
    pub values: &'a Values,
    pub base: &'a str,
    /// Whether it is an object, and no version or working copy of one.
    pub is_live: bool,
}

/// Adds what is wrong with the values of an object or a version, but with its contents.
pub(super) fn faults_of(types: &TypeRegistry, valued: Valued<'_>, faults: &mut Faults) {
    let Valued { path, values, base, .. } = valued;
    let type_id = values.type_id.as_str();
    match types.get(type_id) {
        None => faults.add("unknown_type", path, format!("the type `{}` is not declared", shown(type_id))),
        Some(known) if known.definition.base.as_str() != base => {
            faults.add("wrong_base", path, format!("`{}` is not a {}", shown(type_id), shown(base)));
        }
        Some(known) => {
            content_rule(known.definition.content, valued, faults);
            for violation in types.violations(type_id, &values.facets, &values.properties) {
                faults.add("invalid_values", path, format!("`{}` {}", violation.field, violation.detail));
            }
        }
    }
    let states = types.life_cycle_of(type_id).map(|cycle| &cycle.states);
    if let Some(state) = &values.state
        && !states.is_some_and(|states| states.iter().any(|known| known.id == *state))
    {
        faults.add("unknown_state", path, format!("`{}` is no state of its life cycle", shown(state)));
    }
    name_and_title(valued, faults);
    if let Some(source) = &values.source
        && let Err(error) = known_source(source)
    {
        add_error(faults, "invalid_source", path, &error);
    }
}

fn content_rule(rule: ContentRule, valued: Valued<'_>, faults: &mut Faults) {
    let has_content = valued.values.contents.contains_key(SlotName::MAIN);
    match rule {
        ContentRule::Required if valued.is_live && valued.base == "document" && !has_content => {
            faults.add("invalid_content", valued.path, "documents of this type need content");
        }
        ContentRule::Notallowed if has_content => {
            faults.add("invalid_content", valued.path, "documents of this type have no content");
        }
        _ => {}
    }
}

fn name_and_title(valued: Valued<'_>, faults: &mut Faults) {
    let Valued { path, values, base, .. } = valued;
    let is_root = values.name.is_empty() && base == "folder";
    match Name::parse(&values.name) {
        _ if is_root => {}
        Ok(name) if name.as_str() == values.name => {}
        Ok(_) => faults.add("invalid_name", path, "a name is in Unicode normalisation form C"),
        Err(error) => faults.add("invalid_name", path, error.to_string()),
    }
    let mut violations = Vec::new();
    // An object whose title nobody chose has its name for one, which a file brought.
    if values.title != values.name {
        check_title(&values.title, &mut violations);
    }
    for Violation { detail, .. } in violations {
        faults.add("invalid_title", path, detail);
    }
}

fn known_source(source: &BagSource) -> Result<()> {
    Source::of(Some(source.system.clone()), Some(source.id.clone())).map(drop)
}

/// Adds what is wrong with the contents and pages of an object or a version.
pub(super) fn faults_of_contents(bag: &OpenBag, valued: Valued<'_>, faults: &mut Faults) {
    let Valued { path, values, base, .. } = valued;
    let has_any = !values.contents.is_empty() || !values.arrangement.is_empty();
    if has_any && base != "document" {
        faults.add("invalid_content", path, "only a document has contents");
    }
    if i64::try_from(values.contents.len()).is_ok_and(|count| count > SLOTS_MAX) {
        faults.add("invalid_slot", path, format!("an object has at most {SLOTS_MAX} contents"));
    }
    for (slot, content) in &values.contents {
        if slot.parse::<SlotName>().is_err() {
            faults.add("invalid_slot", path, "a slot has no fit name");
        }
        let place = content_path(&content.digest);
        if bag.files.get(&place) != Some(&content.size_bytes) {
            faults.add("missing_content", path, format!("`{}` is not there with its length", shown(&place)));
        }
        if let Some(detail) = fault_of_names(content) {
            faults.add("invalid_content", path, detail);
        }
    }
    if !values.arrangement.is_empty()
        && let Err(error) = check_brought_pages(&values.arrangement)
    {
        add_error(faults, "invalid_arrangement", path, &error);
    }
    for page in &values.arrangement {
        let place = content_path(&page.digest.to_string());
        if !bag.files.contains_key(&place) {
            faults.add("missing_content", path, format!("`{place}`, of which a page is, is not there"));
        }
    }
}

fn fault_of_names(content: &BagContent) -> Option<&'static str> {
    let raw = content.file_name_raw.as_ref();
    let is_raw = raw.is_none_or(|raw| raw.len() <= 2 * RAW_NAME_BYTES_MAX && hex::decode(raw).is_ok());
    match () {
        () if !is_file_name(&content.file_name) => Some("the name of a file has at most 500 characters, and no U+0000"),
        () if !is_media_type(&content.media_type) => Some("a media type is no `type/subtype` (RFC 6838)"),
        () if !is_raw => Some("the bytes of the name of a file are none in hex, or too many"),
        () => None,
    }
}

/// Adds what is wrong with an access list, but with whom it names.
pub(super) fn faults_of_access(
    access: &BagAccess,
    is_permission: &dyn Fn(&str) -> bool,
    path: &str,
    faults: &mut Faults,
) {
    let mut lists: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &access.entries {
        *lists.entry(entry.list.as_str()).or_default() += 1;
    }
    if lists.values().any(|entries| *entries > ENTRIES_MAX) {
        faults.add("invalid_list", path, "a list has at most 1,000 entries");
    }
    if lists.keys().filter(|name| **name != LOCAL && !is_mark(name)).count() > LISTS_MAX {
        faults.add("invalid_list", path, format!("an object has at most {LISTS_MAX} named lists"));
    }
    for entry in &access.entries {
        if !is_permission(&entry.permission) {
            faults.add("unknown_permission", path, format!("`{}` is no permission here", shown(&entry.permission)));
        }
        if !(is_list_name(&entry.list) || is_mark(&entry.list) && entry.list.len() <= 100) {
            faults.add("invalid_list", path, "an access list has no fit name");
        }
        if entry.begin_at.zip(entry.end_at).is_some_and(|(begin, end)| begin >= end) {
            faults.add("invalid_list", path, "an entry ends before it begins");
        }
    }
}

/// Adds an error of a service as a fault.
pub(super) fn add_error(faults: &mut Faults, code: &'static str, path: &str, error: &RepositoryError) {
    let detail = match error {
        RepositoryError::Invalid { violations } => {
            violations.iter().map(|one| format!("`{}` {}", one.field, one.detail)).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    };
    faults.add(code, path, detail);
}

/// Returns the beginning of what a stranger wrote.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
