//! When a version is made without being asked for: ordered rules, of which the first that fits decides.

use serde::{Deserialize, Serialize};

/// Which number a version takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionIncrement {
    /// No version is made.
    None,
    /// The next minor number.
    Minor,
    /// The next major number, with minor number 0.
    Major,
}

/// Whether a version keeps what was there, or what comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionMoment {
    /// The state before the change, unless a version has it already.
    Before,
    /// The state after the change.
    #[default]
    After,
}

/// What of a document changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangedPart {
    /// Its bytes.
    Content,
    /// Its title or properties.
    Properties,
}

/// One rule, as a type declares it. Every condition that stands in it must hold; one that is left out always does.
///
/// ```
/// # use cartulary_model::{TypeFile, VersionIncrement};
/// let file = TypeFile::parse(r#"
///     [[types]]
///     id = "note"
///     base = "document"
///     label = "Note"
///
///     [[types.versioning]]
///     other_contributor = true
///     increment = "minor"
///     moment = "before"
///
///     [[types.versioning]]
///     increment = "none"
/// "#)?;
/// assert_eq!(file.types[0].versioning[1].increment, VersionIncrement::None);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersioningRule {
    /// Which number the version takes.
    pub increment: VersionIncrement,
    /// Which state the version keeps.
    #[serde(default)]
    pub moment: VersionMoment,
    /// Only when one of these parts changes.
    #[serde(default)]
    pub changes: Vec<ChangedPart>,
    /// Only for these types and what inherits from them.
    #[serde(default)]
    pub types: Vec<String>,
    /// Only for documents that bear one of these facets.
    #[serde(default)]
    pub facets: Vec<String>,
    /// Only when the one who changes (`true`), or who does not (`false`), is another than the last who did.
    #[serde(default)]
    pub other_contributor: Option<bool>,
}

/// A change that is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct VersioningCase<'a> {
    /// What changes.
    pub part: ChangedPart,
    /// The document's type, and the types above it.
    pub types: &'a [&'a str],
    /// The facets that the document bears.
    pub facets: &'a [String],
    /// Whether somebody else made the last change.
    pub is_other_contributor: bool,
}

impl VersioningRule {
    /// What holds where no rule of a type fits: new content makes a minor version of itself, and nothing else does.
    pub const DEFAULT: Self = Self {
        increment: VersionIncrement::Minor,
        moment: VersionMoment::After,
        changes: Vec::new(),
        types: Vec::new(),
        facets: Vec::new(),
        other_contributor: None,
    };

    fn fits(&self, case: &VersioningCase<'_>) -> bool {
        let is_of_part = self.changes.is_empty() || self.changes.contains(&case.part);
        let is_of_type = self.types.is_empty() || self.types.iter().any(|id| case.types.contains(&id.as_str()));
        let is_of_facet = self.facets.is_empty() || self.facets.iter().any(|id| case.facets.contains(id));
        let is_of_contributor = self.other_contributor.is_none_or(|wanted| wanted == case.is_other_contributor);
        is_of_part && is_of_type && is_of_facet && is_of_contributor
    }
}

/// Returns what the first of `rules` that fits decides; what [`VersioningRule::DEFAULT`] says, when none does.
pub fn decide_versioning(rules: &[VersioningRule], case: &VersioningCase<'_>) -> (VersionIncrement, VersionMoment) {
    match rules.iter().find(|rule| rule.fits(case)) {
        Some(rule) => (rule.increment, rule.moment),
        None if case.part == ChangedPart::Content => {
            (VersioningRule::DEFAULT.increment, VersioningRule::DEFAULT.moment)
        }
        None => (VersionIncrement::None, VersionMoment::After),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChangedPart::{Content, Properties};
    use VersionIncrement::{Major, Minor, None as Nothing};
    use VersionMoment::{After, Before};

    fn rule(increment: VersionIncrement) -> VersioningRule {
        VersioningRule { increment, ..VersioningRule::DEFAULT }
    }

    fn check(rules: &[VersioningRule], part: ChangedPart, expect: (VersionIncrement, VersionMoment)) {
        let facets = ["signed".to_owned()];
        let case = VersioningCase { part, types: &["letter", "document"], facets: &facets, is_other_contributor: true };
        assert_eq!(decide_versioning(rules, &case), expect, "{rules:?}");
    }

    #[test]
    fn without_a_rule_new_content_makes_a_minor_version() {
        check(&[], Content, (Minor, After));
        check(&[], Properties, (Nothing, After));
        let elsewhere = VersioningRule { types: vec!["note".into()], ..rule(Nothing) };
        check(&[elsewhere], Content, (Minor, After));
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let properties = VersioningRule { changes: vec![Properties], ..rule(Nothing) };
        let inherited = VersioningRule { types: vec!["document".into()], moment: Before, ..rule(Major) };
        let rules = [properties, inherited, rule(Minor)];
        check(&rules, Properties, (Nothing, After));
        check(&rules, Content, (Major, Before));
    }

    #[test]
    fn every_condition_of_a_rule_must_hold() {
        let fitting = VersioningRule { facets: vec!["signed".into()], other_contributor: Some(true), ..rule(Major) };
        check(std::slice::from_ref(&fitting), Properties, (Major, After));
        check(&[VersioningRule { other_contributor: Some(false), ..fitting.clone() }], Properties, (Nothing, After));
        check(&[VersioningRule { facets: vec!["secret".into()], ..fitting }], Properties, (Nothing, After));
    }
}
