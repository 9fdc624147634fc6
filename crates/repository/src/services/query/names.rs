//! What the names of a statement lead to: tables to types and facets, columns to what every object has and to what its
//! type declares.

use cartulary_model::ql::{Column, Named, QlError, Table};
use cartulary_model::{BaseType, Cardinality, PropertyDefinition, PropertyKind, TypeRegistry};

/// What must be read of an object beside its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs(u16);

impl Needs {
    pub(super) const PROPERTIES: Self = Self(1);
    pub(super) const FACETS: Self = Self(2);
    pub(super) const PEOPLE: Self = Self(4);
    pub(super) const VERSION: Self = Self(8);
    pub(super) const CONTENT: Self = Self(16);
    pub(super) const PARENT: Self = Self(32);
    pub(super) const SERIES: Self = Self(64);
    pub(super) const ENDS: Self = Self(128);
    pub(super) const TAGS: Self = Self(256);
    pub(super) const RETENTION: Self = Self(512);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What every object has (CMIS 1.1 §2.1.4.3.3 and the like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    ObjectId,
    Name,
    Title,
    TypeId,
    BaseTypeId,
    Facets,
    CreatedBy,
    CreatedAt,
    ModifiedBy,
    ModifiedAt,
    ChangeToken,
    State,
    ParentId,
    SeriesId,
    VersionLabel,
    IsMajorVersion,
    VersionComment,
    ContentSize,
    ContentMediaType,
    ContentFileName,
    ContentHash,
    IsRecord,
    RetainUntil,
    IsHeld,
    SourceName,
    SourceId,
    LinkSource,
    LinkTarget,
    Tags,
}

/// A column that every object has.
pub(super) struct SystemColumn {
    pub system: System,
    pub name: &'static str,
    pub kind: PropertyKind,
    pub is_list: bool,
    pub needs: Needs,
}

const fn one(system: System, name: &'static str, kind: PropertyKind, needs: Needs) -> SystemColumn {
    SystemColumn { system, name, kind, is_list: false, needs }
}

const ROW: Needs = Needs(0);

/// All of them, in the order of `SELECT *`. What CMIS has no name for has one of ours.
pub(super) const SYSTEM_COLUMNS: [SystemColumn; 29] = [
    one(System::ObjectId, "cmis:objectId", PropertyKind::Id, ROW),
    one(System::BaseTypeId, "cmis:baseTypeId", PropertyKind::Id, ROW),
    one(System::TypeId, "cmis:objectTypeId", PropertyKind::Id, ROW),
    SystemColumn {
        system: System::Facets,
        name: "cmis:secondaryObjectTypeIds",
        kind: PropertyKind::Id,
        is_list: true,
        needs: Needs::FACETS,
    },
    one(System::Name, "cmis:name", PropertyKind::String, ROW),
    one(System::Title, "cartulary:title", PropertyKind::String, ROW),
    one(System::State, "cartulary:state", PropertyKind::String, ROW),
    one(System::CreatedBy, "cmis:createdBy", PropertyKind::String, Needs::PEOPLE),
    one(System::CreatedAt, "cmis:creationDate", PropertyKind::Datetime, ROW),
    one(System::ModifiedBy, "cmis:lastModifiedBy", PropertyKind::String, Needs::PEOPLE),
    one(System::ModifiedAt, "cmis:lastModificationDate", PropertyKind::Datetime, ROW),
    one(System::ChangeToken, "cmis:changeToken", PropertyKind::String, ROW),
    one(System::ParentId, "cmis:parentId", PropertyKind::Id, Needs::PARENT),
    one(System::SeriesId, "cmis:versionSeriesId", PropertyKind::Id, Needs::SERIES),
    one(System::VersionLabel, "cmis:versionLabel", PropertyKind::String, Needs::VERSION),
    one(System::IsMajorVersion, "cmis:isMajorVersion", PropertyKind::Boolean, Needs::VERSION),
    one(System::VersionComment, "cmis:checkinComment", PropertyKind::String, Needs::VERSION),
    one(System::ContentSize, "cmis:contentStreamLength", PropertyKind::Integer, Needs::CONTENT),
    one(System::ContentMediaType, "cmis:contentStreamMimeType", PropertyKind::String, Needs::CONTENT),
    one(System::ContentFileName, "cmis:contentStreamFileName", PropertyKind::String, Needs::CONTENT),
    one(System::ContentHash, "cmis:contentStreamHash", PropertyKind::String, Needs::CONTENT),
    one(System::IsRecord, "cartulary:isRecord", PropertyKind::Boolean, Needs::RETENTION),
    one(System::RetainUntil, "cartulary:retainUntil", PropertyKind::Datetime, Needs::RETENTION),
    one(System::IsHeld, "cartulary:isHeld", PropertyKind::Boolean, Needs::RETENTION),
    one(System::SourceName, "cartulary:sourceSystem", PropertyKind::Id, ROW),
    one(System::SourceId, "cartulary:sourceId", PropertyKind::Id, ROW),
    one(System::LinkSource, "cmis:sourceId", PropertyKind::Id, Needs::ENDS),
    one(System::LinkTarget, "cmis:targetId", PropertyKind::Id, Needs::ENDS),
    SystemColumn {
        system: System::Tags,
        name: "cartulary:tags",
        kind: PropertyKind::String,
        is_list: true,
        needs: Needs::TAGS,
    },
];

impl SystemColumn {
    /// Says whether the objects of a table have it: only relationships have ends, and only folders lie in one folder.
    pub(super) fn is_of(&self, table: &PlannedTable) -> bool {
        match self.needs {
            Needs::ENDS => table.base == Some(BaseType::Relationship),
            Needs::PARENT => matches!(table.base, Some(BaseType::Folder) | None),
            _ => true,
        }
    }
}

/// The objects that a table stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// All of a base type.
    Base(BaseType),
    /// Those of these types.
    Types(Vec<String>),
    /// Those that bear one of these facets: attached, or by one of these types.
    Facets { facets: Vec<String>, types: Vec<String> },
}

/// A table of a statement.
#[derive(Clone, Debug)]
pub(super) struct PlannedTable {
    /// What it is called in the statement.
    pub name: String,
    pub source: Source,
    pub definitions: Vec<PropertyDefinition>,
    /// What its objects are; nothing said of those that bear a facet.
    pub base: Option<BaseType>,
}

/// What a column leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    System(System),
    Property {
        /// The property and the fields within, from the outside in.
        path: Vec<String>,
        is_indexed: bool,
    },
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub table: usize,
    pub field: Field,
    pub kind: PropertyKind,
    pub is_list: bool,
    pub needs: Needs,
    pub position: usize,
    /// As it was written, for faults.
    pub name: String,
}

impl Bound {
    /// Returns the id under which indexed values of a property are kept.
    pub(super) fn index_key(&self) -> Option<String> {
        match &self.field {
            Field::Property { path, is_indexed: true } => Some(path.join(".")),
            _ => None,
        }
    }

    pub(super) fn fault(&self, detail: &str) -> QlError {
        fault(self.position, format!("`{}` {detail}", self.name))
    }
}

pub(super) fn fault(position: usize, detail: impl Into<String>) -> QlError {
    QlError { position, detail: detail.into() }
}

/// Returns what a table of a statement stands for.
///
/// # Errors
/// A type that is not declared.
pub(super) fn table(types: &TypeRegistry, table: &Table) -> Result<PlannedTable, QlError> {
    let name = table.alias.as_ref().unwrap_or(&table.name).text.clone();
    let written = table.name.text.as_str();
    if written == "cmis:secondary" {
        let facets = types.iter().filter(|one| one.definition.base == BaseType::Facet);
        let facets = facets.map(|one| one.definition.id.clone()).collect();
        let source = bearing(types, facets);
        return Ok(PlannedTable { name, source, definitions: Vec::new(), base: None });
    }
    let id = written.strip_prefix("cmis:").filter(|id| is_base(id)).unwrap_or(written);
    let Some(resolved) = types.get(id) else {
        return Err(fault(table.name.position, format!("there is no type `{written}`")));
    };
    let definitions = resolved.properties.clone();
    let family = types.family(id);
    let base = Some(resolved.definition.base).filter(|base| *base != BaseType::Facet);
    let source = match resolved.definition.base {
        BaseType::Facet => bearing(types, family),
        base if is_base(id) => Source::Base(base),
        _ => Source::Types(family),
    };
    Ok(PlannedTable { name, source, definitions, base })
}

fn is_base(id: &str) -> bool {
    matches!(id, "document" | "folder" | "relationship" | "policy" | "item")
}

fn bearing(types: &TypeRegistry, facets: Vec<String>) -> Source {
    let bears =
        |id: &str| types.get(id).is_some_and(|one| one.definition.facets.iter().any(|facet| facets.contains(facet)));
    let by_type =
        types.iter().filter(|one| bears(&one.definition.id) || one.ancestors.iter().any(|ancestor| bears(ancestor)));
    let types = by_type.map(|one| one.definition.id.clone()).collect();
    Source::Facets { facets, types }
}

/// Returns the place of the table that is called so.
///
/// # Errors
/// A name that no table has.
pub(super) fn table_called(tables: &[PlannedTable], name: &Named) -> Result<usize, QlError> {
    let found = tables.iter().position(|table| table.name == name.text);
    found.ok_or_else(|| fault(name.position, format!("no table is called `{}`", name.text)))
}

/// Returns the table that a predicate is of: the one that it names, or the only one.
///
/// # Errors
/// As [`table_called`]; and several tables without a name.
pub(super) fn table_of(tables: &[PlannedTable], qualifier: Option<&Named>, position: usize) -> Result<usize, QlError> {
    match qualifier {
        Some(name) => table_called(tables, name),
        None if tables.len() == 1 => Ok(0),
        None => Err(fault(position, "say of which table: there are several")),
    }
}

/// Returns what a column leads to.
///
/// # Errors
/// A name that is not known, or known in several tables.
pub(super) fn column(tables: &[PlannedTable], column: &Column) -> Result<Bound, QlError> {
    let fields: Vec<&Named> = column.fields.iter().collect();
    let Some(qualifier) = &column.qualifier else { return unqualified(tables, &column.name, &fields) };
    if tables.iter().any(|table| table.name == qualifier.text) {
        let place = table_called(tables, qualifier)?;
        let found = tables.get(place).map(|table| in_table(table, place, &column.name, &fields)).transpose()?.flatten();
        let table = &qualifier.text;
        return found.ok_or_else(|| missing(&column.name, &format!("in `{table}`")));
    }
    let within: Vec<&Named> = std::iter::once(&column.name).chain(fields).collect();
    let is_property = |table: &PlannedTable| table.definitions.iter().any(|one| one.id == qualifier.text);
    if tables.iter().any(is_property) {
        return unqualified(tables, qualifier, &within);
    }
    Err(fault(qualifier.position, format!("no table is called `{}`", qualifier.text)))
}

fn unqualified(tables: &[PlannedTable], name: &Named, fields: &[&Named]) -> Result<Bound, QlError> {
    let mut found = None;
    for (place, table) in tables.iter().enumerate() {
        let Some(bound) = in_table(table, place, name, fields)? else { continue };
        if found.is_some() {
            return Err(fault(name.position, format!("several tables have `{}`: say which", name.text)));
        }
        found = Some(bound);
    }
    found.ok_or_else(|| missing(name, "here"))
}

/// Says that there is no such column in a place; of what only folders have, what to ask instead.
fn missing(name: &Named, place: &str) -> QlError {
    let is_place = SYSTEM_COLUMNS.iter().any(|column| column.name == name.text && column.needs == Needs::PARENT);
    let detail = match is_place {
        true => format!("only folders have `{}`, since others may lie in several: ask IN_FOLDER", name.text),
        false => format!("there is no property `{}` {place}", name.text),
    };
    fault(name.position, detail)
}

fn in_table(table: &PlannedTable, place: usize, name: &Named, fields: &[&Named]) -> Result<Option<Bound>, QlError> {
    if let Some(column) = SYSTEM_COLUMNS.iter().find(|column| column.name == name.text && column.is_of(table)) {
        if let Some(field) = fields.first() {
            return Err(fault(field.position, format!("`{}` has no fields", name.text)));
        }
        return Ok(Some(system(column, place, name.position)));
    }
    let Some(mut definition) = table.definitions.iter().find(|one| one.id == name.text) else { return Ok(None) };
    let mut path = vec![definition.id.clone()];
    let mut is_list = definition.cardinality == Cardinality::Multi;
    for field in fields {
        let within = definition.fields.iter().find(|one| one.id == field.text);
        definition = within
            .ok_or_else(|| fault(field.position, format!("`{}` has no field `{}`", path.join("."), field.text)))?;
        path.push(definition.id.clone());
        is_list |= definition.cardinality == Cardinality::Multi;
    }
    Ok(Some(property(definition, path, is_list, place, name.position)))
}

/// Returns a column that every object has.
pub(super) fn system(column: &SystemColumn, table: usize, position: usize) -> Bound {
    Bound {
        table,
        field: Field::System(column.system),
        kind: column.kind,
        is_list: column.is_list,
        needs: column.needs,
        position,
        name: column.name.to_owned(),
    }
}

/// Returns a column that a type declares.
pub(super) fn property(
    definition: &PropertyDefinition,
    path: Vec<String>,
    is_list: bool,
    table: usize,
    position: usize,
) -> Bound {
    Bound {
        table,
        kind: definition.kind,
        is_list,
        needs: Needs::PROPERTIES,
        position,
        name: path.join("."),
        field: Field::Property { path, is_indexed: definition.indexed },
    }
}
