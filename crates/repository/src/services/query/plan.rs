//! From a statement to a plan: every name is looked up, every literal is checked against what it is compared with.

use cartulary_model::ql::{
    Column, Columns, Comparison, Condition, FullText, JoinKind, LikePattern, Named, QlError, Query, Selected, Sort,
    TableRef, Value,
};
use cartulary_model::{PropertyKind, TypeRegistry};

use super::names::{self, Bound, Needs, PlannedTable, SYSTEM_COLUMNS, fault};
use super::values::Datum;
use crate::store::query::FLAGS_MAX;

/// What a column of scores is called unless the statement says otherwise (CMIS 1.1 §2.1.14.2.3).
const SCORE_NAME: &str = "SEARCH_SCORE";

/// By so many columns a statement is ordered.
const ORDER_MAX: usize = 16;

/// A statement whose names are known.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub tables: Vec<PlannedTable>,
    pub from: PlannedFrom,
    pub rule: Option<Rule>,
    pub order: Vec<PlannedSort>,
    pub columns: Vec<PlannedColumn>,
    pub contains: Option<Contains>,
    pub places: Vec<Place>,
}

/// What is looked for in texts, and of which table.
#[derive(Clone, Debug)]
pub(super) struct Contains {
    pub table: usize,
    pub text: FullText,
    /// Where it stands in the statement.
    pub position: usize,
}

/// How tables are put together; numbers are their places in [`Plan::tables`].
#[derive(Clone, Debug)]
pub(super) enum PlannedFrom {
    Table(usize),
    Join { kind: JoinKind, left: Box<Self>, right: Box<Self>, on: (Bound, Bound) },
}

/// A folder in which, or below which, an object must lie.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub table: usize,
    /// The folder's id as it was written, and where.
    pub folder: Named,
    pub is_tree: bool,
    /// Which bit of [`crate::store::query::CandidateRow::flags`] says it.
    pub bit: usize,
}

/// A column of the answer.
#[derive(Clone, Debug)]
pub(super) struct PlannedColumn {
    pub name: String,
    /// Nothing: the score.
    pub source: Option<Bound>,
}

/// An order; without a column, that of scores.
#[derive(Clone, Debug)]
pub(super) struct PlannedSort {
    pub column: Option<Bound>,
    pub descending: bool,
}

/// What must hold of a row.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare {
        column: Bound,
        comparison: Comparison,
        datum: Datum,
    },
    /// One of the column's values is among, or is not among, some.
    Among {
        column: Bound,
        negated: bool,
        data: Vec<Datum>,
    },
    Like {
        column: Bound,
        negated: bool,
        pattern: LikePattern,
    },
    Missing {
        column: Bound,
        negated: bool,
    },
    Score {
        comparison: Comparison,
        number: Datum,
    },
    Contains(usize),
    /// The number of a place in [`Plan::places`].
    Lies(usize),
}

impl Plan {
    /// Returns what must be read of the objects of a table before it is known which are answered.
    pub(super) fn needs_of(&self, table: usize) -> Needs {
        let mut needs = Needs::default();
        let mut note = |column: &Bound| {
            if column.table == table {
                needs = needs.with(column.needs);
            }
        };
        if let Some(rule) = &self.rule {
            rule.each_column(&mut note);
        }
        self.order.iter().filter_map(|sort| sort.column.as_ref()).for_each(&mut note);
        self.from.each_column(&mut note);
        needs
    }

    /// Returns what must be read of the objects of a table to answer them.
    pub(super) fn needs_of_answer(&self, table: usize) -> Needs {
        let columns = self.columns.iter().filter_map(|column| column.source.as_ref());
        columns.filter(|column| column.table == table).fold(Needs::default(), |needs, column| needs.with(column.needs))
    }
}

impl Rule {
    fn each_column(&self, see: &mut impl FnMut(&Bound)) {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.each_column(see)),
            Self::Not(rule) => rule.each_column(see),
            Self::Compare { column, .. }
            | Self::Among { column, .. }
            | Self::Like { column, .. }
            | Self::Missing { column, .. } => see(column),
            Self::Score { .. } | Self::Contains(_) | Self::Lies(_) => {}
        }
    }
}

impl PlannedFrom {
    fn each_column(&self, see: &mut impl FnMut(&Bound)) {
        if let Self::Join { left, right, on, .. } = self {
            left.each_column(see);
            right.each_column(see);
            see(&on.0);
            see(&on.1);
        }
    }

    /// Says whether a table may be missing from a row.
    pub(super) fn is_outer(&self, table: usize) -> bool {
        match self {
            Self::Table(_) => false,
            Self::Join { kind, left, right, .. } => {
                let is_right = right.tables().contains(&table);
                (*kind == JoinKind::LeftOuter && is_right) || left.is_outer(table) || right.is_outer(table)
            }
        }
    }

    /// Returns the tables in it.
    pub(super) fn tables(&self) -> Vec<usize> {
        match self {
            Self::Table(table) => vec![*table],
            Self::Join { left, right, .. } => left.tables().into_iter().chain(right.tables()).collect(),
        }
    }
}

/// Makes a plan.
///
/// # Errors
/// The first thing that cannot be answered, with its place.
pub(super) fn plan(types: &TypeRegistry, query: &Query) -> Result<Plan, QlError> {
    let mut planner = Planner { types, tables: Vec::new(), contains: None, places: Vec::new(), scores: None };
    let from = planner.from(&query.from)?;
    let rule = query.filter.as_ref().map(|condition| planner.rule(condition)).transpose()?;
    let columns = planner.columns(&query.columns)?;
    let order = planner.order(&query.order, &columns)?;
    if let Some(position) = planner.scores.filter(|_| planner.contains.is_none()) {
        return Err(fault(position, "SCORE() is how well a text fits: it needs a CONTAINS in the statement"));
    }
    let Planner { tables, contains, places, .. } = planner;
    Ok(Plan { tables, from, rule, order, columns, contains, places })
}

struct Planner<'a> {
    types: &'a TypeRegistry,
    tables: Vec<PlannedTable>,
    contains: Option<Contains>,
    places: Vec<Place>,
    /// Where `SCORE()` comes first.
    scores: Option<usize>,
}

impl Planner<'_> {
    fn from(&mut self, from: &TableRef) -> Result<PlannedFrom, QlError> {
        match from {
            TableRef::Table(table) => {
                let planned = names::table(self.types, table)?;
                if self.tables.iter().any(|other| other.name == planned.name) {
                    let detail = format!("two tables are called `{}`: give one another name", planned.name);
                    return Err(fault(table.name.position, detail));
                }
                self.tables.push(planned);
                Ok(PlannedFrom::Table(self.tables.len() - 1))
            }
            TableRef::Join(join) => {
                let left = Box::new(self.from(&join.left)?);
                let right = Box::new(self.from(&join.right)?);
                let on = self.sides(&join.on, &left, &right)?;
                Ok(PlannedFrom::Join { kind: join.kind, left, right, on })
            }
        }
    }

    /// Returns the two columns of a join, that of the left side first.
    fn sides(&self, on: &(Column, Column), left: &PlannedFrom, right: &PlannedFrom) -> Result<(Bound, Bound), QlError> {
        let (one, other) = (names::column(&self.tables, &on.0)?, names::column(&self.tables, &on.1)?);
        let (in_left, in_right) = (left.tables(), right.tables());
        let (one, other) = if in_left.contains(&one.table) { (one, other) } else { (other, one) };
        if !in_left.contains(&one.table) || !in_right.contains(&other.table) {
            return Err(fault(on.0.name.position, "a join compares a column of one side with one of the other"));
        }
        for column in [&one, &other] {
            if column.is_list || matches!(column.kind, PropertyKind::Nested | PropertyKind::Html) {
                return Err(column.fault("cannot be joined on"));
            }
        }
        if family(one.kind) != family(other.kind) {
            return Err(other.fault(&format!("is of another kind than `{}`", one.name)));
        }
        Ok((one, other))
    }

    fn columns(&mut self, columns: &Columns) -> Result<Vec<PlannedColumn>, QlError> {
        let mut found = Vec::new();
        match columns {
            Columns::All if self.tables.len() == 1 => self.all_of(0, None, &mut found),
            Columns::All => {
                for (place, table) in self.tables.iter().enumerate() {
                    self.all_of(place, Some(&table.name), &mut found);
                }
            }
            Columns::These(selected) => {
                for one in selected {
                    self.selected(one, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn selected(&mut self, selected: &Selected, found: &mut Vec<PlannedColumn>) -> Result<(), QlError> {
        match selected {
            Selected::AllOf(table) => {
                let place = names::table_called(&self.tables, table)?;
                let prefix = (self.tables.len() > 1).then_some(table.text.as_str());
                self.all_of(place, prefix, found);
                return Ok(());
            }
            Selected::Column { column, alias } => {
                let bound = names::column(&self.tables, column)?;
                let name = alias.as_ref().map_or_else(|| column.to_string(), |alias| alias.text.clone());
                check_new(found, &name, alias.as_ref().map_or(bound.position, |alias| alias.position))?;
                found.push(PlannedColumn { name, source: Some(bound) });
            }
            Selected::Score { word, alias } => {
                self.scores.get_or_insert(word.position);
                let name = alias.as_ref().map_or_else(|| SCORE_NAME.to_owned(), |alias| alias.text.clone());
                check_new(found, &name, alias.as_ref().unwrap_or(word).position)?;
                found.push(PlannedColumn { name, source: None });
            }
        }
        Ok(())
    }

    /// Adds all columns of a table, named with a prefix where there are several tables.
    fn all_of(&self, place: usize, prefix: Option<&str>, found: &mut Vec<PlannedColumn>) {
        let Some(table) = self.tables.get(place) else { return };
        let systems = SYSTEM_COLUMNS.iter().filter(|column| column.is_of(table));
        let systems = systems.map(|column| names::system(column, place, 0));
        let declared = table.definitions.iter().map(|one| {
            let is_list = one.cardinality == cartulary_model::Cardinality::Multi;
            names::property(one, vec![one.id.clone()], is_list, place, 0)
        });
        for bound in systems.chain(declared) {
            let name = prefix.map_or_else(|| bound.name.clone(), |prefix| format!("{prefix}.{}", bound.name));
            if !found.iter().any(|column| column.name == name) {
                found.push(PlannedColumn { name, source: Some(bound) });
            }
        }
    }

    /// Plans the columns of an order, each of which is named once.
    fn order(&self, sorts: &[Sort], columns: &[PlannedColumn]) -> Result<Vec<PlannedSort>, QlError> {
        let mut order: Vec<PlannedSort> = Vec::with_capacity(sorts.len().min(ORDER_MAX));
        for sort in sorts {
            let position = sort.column.name.position;
            if order.len() == ORDER_MAX {
                return Err(fault(position, format!("a statement is ordered by at most {ORDER_MAX} columns")));
            }
            let planned = self.sort(sort, columns)?;
            let is_again = |other: &PlannedSort| match (&other.column, &planned.column) {
                (Some(one), Some(other)) => (one.table, &one.field) == (other.table, &other.field),
                (one, other) => one.is_none() && other.is_none(),
            };
            if order.iter().any(is_again) {
                return Err(fault(position, format!("a statement is ordered by `{}` once", sort.column)));
            }
            order.push(planned);
        }
        Ok(order)
    }

    /// Plans an order: by a column of the answer under its name there, or by any other.
    fn sort(&self, sort: &Sort, columns: &[PlannedColumn]) -> Result<PlannedSort, QlError> {
        let written = sort.column.to_string();
        if let Some(PlannedColumn { source: None, .. }) = columns.iter().find(|column| column.name == written) {
            return Ok(PlannedSort { column: None, descending: sort.descending });
        }
        let named = columns.iter().find(|column| column.name == written).and_then(|column| column.source.clone());
        let column = match named {
            Some(bound) => Bound { position: sort.column.name.position, ..bound },
            None => names::column(&self.tables, &sort.column)?,
        };
        if column.is_list || matches!(column.kind, PropertyKind::Nested | PropertyKind::Html) {
            return Err(column.fault("cannot be ordered by"));
        }
        Ok(PlannedSort { column: Some(column), descending: sort.descending })
    }

    fn rule(&mut self, condition: &Condition) -> Result<Rule, QlError> {
        match condition {
            Condition::And(all) => self.rules(all).map(Rule::All),
            Condition::Or(any) => self.rules(any).map(Rule::Any),
            Condition::Not(one) => Ok(Rule::Not(Box::new(self.rule(one)?))),
            Condition::Compare { value: Value::Score(word), comparison, literal } => {
                self.scores.get_or_insert(word.position);
                let number = Datum::of_literal(PropertyKind::Decimal, literal);
                let number = number.map_err(|detail| fault(word.position, format!("SCORE() {detail}")))?;
                Ok(Rule::Score { comparison: *comparison, number })
            }
            Condition::Compare { value: Value::Column(column), comparison, literal } => {
                let column = self.single(column)?;
                let datum = of_literal(&column, literal)?;
                check_comparison(&column, *comparison)?;
                Ok(Rule::Compare { column, comparison: *comparison, datum })
            }
            Condition::In { column, negated, literals } => {
                let column = self.single(column)?;
                let data = literals.iter().map(|one| of_literal(&column, one)).collect::<Result<_, _>>()?;
                Ok(Rule::Among { column, negated: *negated, data })
            }
            Condition::AnyIn { column, negated, literals } => {
                let column = names::column(&self.tables, column)?;
                let data = literals.iter().map(|one| of_literal(&column, one)).collect::<Result<_, _>>()?;
                Ok(Rule::Among { column, negated: *negated, data })
            }
            Condition::AnyEquals { literal, column } => {
                let column = names::column(&self.tables, column)?;
                let data = vec![of_literal(&column, literal)?];
                Ok(Rule::Among { column, negated: false, data })
            }
            Condition::Like { column, negated, pattern } => {
                let column = self.single(column)?;
                if !matches!(column.kind, PropertyKind::String | PropertyKind::Uri) {
                    return Err(column.fault("is no text that LIKE looks at"));
                }
                let pattern = LikePattern::new(pattern, column.position)?;
                Ok(Rule::Like { column, negated: *negated, pattern })
            }
            Condition::IsNull { column, negated } => {
                Ok(Rule::Missing { column: names::column(&self.tables, column)?, negated: *negated })
            }
            Condition::Contains { word, qualifier, text } => {
                let table = names::table_of(&self.tables, qualifier.as_ref(), word.position)?;
                self.contains = Some(Contains { table, text: text.clone(), position: word.position });
                Ok(Rule::Contains(table))
            }
            Condition::InFolder { qualifier, folder } => self.place(qualifier.as_ref(), folder, false),
            Condition::InTree { qualifier, folder } => self.place(qualifier.as_ref(), folder, true),
        }
    }

    fn rules(&mut self, conditions: &[Condition]) -> Result<Vec<Rule>, QlError> {
        conditions.iter().map(|condition| self.rule(condition)).collect()
    }

    fn single(&self, column: &Column) -> Result<Bound, QlError> {
        let bound = names::column(&self.tables, column)?;
        if bound.is_list {
            return Err(bound.fault("has a list of values: ask for one of them with ANY"));
        }
        Ok(bound)
    }

    fn place(&mut self, qualifier: Option<&Named>, folder: &Named, is_tree: bool) -> Result<Rule, QlError> {
        let table = names::table_of(&self.tables, qualifier, folder.position)?;
        let bit = self.places.iter().filter(|place| place.table == table).count();
        if bit == FLAGS_MAX {
            return Err(fault(folder.position, format!("at most {FLAGS_MAX} folders are named")));
        }
        self.places.push(Place { table, folder: folder.clone(), is_tree, bit });
        Ok(Rule::Lies(self.places.len() - 1))
    }
}

/// Kinds whose values can be compared with each other.
const fn family(kind: PropertyKind) -> u8 {
    match kind {
        PropertyKind::String | PropertyKind::Id | PropertyKind::Uri | PropertyKind::Html => 0,
        PropertyKind::Integer | PropertyKind::Decimal => 1,
        PropertyKind::Boolean => 2,
        PropertyKind::Datetime => 3,
        PropertyKind::Nested => 4,
    }
}

fn check_new(found: &[PlannedColumn], name: &str, position: usize) -> Result<(), QlError> {
    if found.iter().any(|column| column.name == name) {
        return Err(fault(position, format!("two columns are called `{name}`: give one another name")));
    }
    Ok(())
}

fn of_literal(column: &Bound, literal: &cartulary_model::ql::Literal) -> Result<Datum, QlError> {
    Datum::of_literal(column.kind, literal).map_err(|detail| column.fault(detail))
}

/// Ids, URIs and truth are the same or not; there is no more and less of them.
fn check_comparison(column: &Bound, comparison: Comparison) -> Result<(), QlError> {
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    if !is_equality && matches!(column.kind, PropertyKind::Boolean | PropertyKind::Id | PropertyKind::Uri) {
        return Err(column.fault("is compared with = and <> only"));
    }
    Ok(())
}
