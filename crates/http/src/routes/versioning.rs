//! The wire form of the rules by which versions are made without being asked for.

use cartulary_model::{ChangedPart, VersionIncrement, VersionMoment, VersioningRule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rule; every condition that stands in it must hold, and the first rule that fits decides.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersioningRuleForm {
    /// Which number the version takes: `none`, `minor` or `major`.
    #[schema(value_type = String)]
    increment: VersionIncrement,
    /// Which state the version keeps: that `before` the change, unless a version has it already, or that `after` it.
    #[serde(default)]
    #[schema(value_type = String)]
    moment: VersionMoment,
    /// Only when one of these parts changes: `content`, `properties`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    changes: Vec<ChangedPart>,
    /// Only for these types and what inherits from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    types: Vec<String>,
    /// Only for documents that bear one of these facets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    facets: Vec<String>,
    /// Only when the one who changes is, or is not, another than the last who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_contributor: Option<bool>,
}

impl From<VersioningRuleForm> for VersioningRule {
    fn from(form: VersioningRuleForm) -> Self {
        let VersioningRuleForm { increment, moment, changes, types, facets, other_contributor } = form;
        Self { increment, moment, changes, types, facets, other_contributor }
    }
}

impl From<VersioningRule> for VersioningRuleForm {
    fn from(rule: VersioningRule) -> Self {
        let VersioningRule { increment, moment, changes, types, facets, other_contributor } = rule;
        Self { increment, moment, changes, types, facets, other_contributor }
    }
}
