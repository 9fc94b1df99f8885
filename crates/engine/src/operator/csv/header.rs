//! The header of a CSV of requests: which column holds what.

use domain::IdentifierKind;

use super::FileFault;
use crate::operator::draft::{Draft, Given};
use crate::operator::meant::meant;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    /// A field of the request.
    Field(Field),
    /// Identifiers of a kind.
    Identifier(IdentifierKind),
}

domain::words! {
    /// A field of a request.
    Field: "column" {
        /// The right.
        Right = "right",
        /// The scope.
        Scope = "scope",
        /// The law.
        Jurisdiction = "jurisdiction",
        /// The brand.
        Brand = "brand",
        /// The kind of person.
        SubjectKind = "subject_kind",
        /// Another system's name for the request.
        ExternalId = "external_id",
        /// When it was received.
        ReceivedAt = "received_at",
        /// When it is due.
        DueAt = "due_at",
        /// Who vouches.
        VerifiedBy = "verified_by",
        /// When they did.
        VerifiedAt = "verified_at",
    }
}

/// Reads the header's cells.
pub(super) fn read(cells: &[&str]) -> Result<Vec<Column>, FileFault> {
    let found: Vec<_> = cells.iter().map(|cell| Column::of(cell.trim())).collect();
    if !found.contains(&Some(Column::Field(Field::Right))) {
        return Err(without_right(cells));
    }
    let mut columns = Vec::new();
    for (index, (column, name)) in found.into_iter().zip(cells).enumerate() {
        let column = column.ok_or_else(|| unknown(index, name.trim()))?;
        if columns.contains(&column) {
            return Err(FileFault::ColumnTwice { column: column.name() });
        }
        columns.push(column);
    }
    if !columns.iter().any(|column| matches!(column, Column::Identifier(_))) {
        return Err(FileFault::MissingColumn { column: "email" });
    }
    Ok(columns)
}

/// Without this column the first row is no header but somebody's data, which no message repeats;
/// unless a cell is all but its name.
fn without_right(cells: &[&str]) -> FileFault {
    let right = Field::Right.word();
    match cells.iter().position(|cell| meant(cell, names()) == Some(right)) {
        Some(index) => unknown_column(index, None, Some(right)),
        None => FileFault::MissingColumn { column: right },
    }
}

fn unknown(index: usize, name: &str) -> FileFault {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let is_shown = !name.is_empty() && name.len() <= 40 && name.chars().all(is_plain);
    unknown_column(index, is_shown.then_some(name), meant(name, names()))
}

/// A column without a meaning, by its place, and by its name where that may be shown.
fn unknown_column(index: usize, name: Option<&str>, meant: Option<&'static str>) -> FileFault {
    let named = name.map(|name| format!(", “{name}”,")).unwrap_or_default();
    let column = format!("column {}{named}", index + 1);
    let meant = meant.map(|meant| format!("did you mean “{meant}”? Else ")).unwrap_or_default();
    let known = names().collect::<Vec<_>>().join(", ");
    FileFault::UnknownColumn { column, meant, known }
}

/// The names of all columns but those of types of one's own.
fn names() -> impl Iterator<Item = &'static str> {
    let fields = Field::ALL.iter().map(|field| field.word());
    fields.chain(IdentifierKind::BUILT_IN.iter().map(IdentifierKind::name))
}

impl Column {
    /// The column of this name, in letters of either case. A type of one's own keeps its own.
    fn of(name: &str) -> Option<Self> {
        let plain = name.to_lowercase();
        if let Ok(field) = plain.parse() {
            return Some(Self::Field(field));
        }
        let kind = match name.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("id.") => {
                format!("id.{}", name.get(3..).unwrap_or_default())
            }
            _ => plain,
        };
        kind.parse().map(Self::Identifier).ok()
    }

    /// Its name in the header.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Field(field) => field.word().to_owned(),
            Self::Identifier(kind) => kind.to_string(),
        }
    }

    /// Puts a cell where it belongs. An empty cell says nothing.
    pub(super) fn put(&self, cell: &str, draft: &mut Draft) {
        let cell = cell.trim();
        if cell.is_empty() {
            return;
        }
        let text = || Some(cell.to_owned());
        match self {
            Self::Identifier(kind) => {
                let values = cell.split('|').map(str::trim).filter(|value| !value.is_empty());
                draft.identifiers.extend(values.map(|value| Given::new(kind.clone(), value)));
            }
            Self::Field(field) => match field {
                Field::Right => draft.right = cell.to_owned(),
                Field::Scope => draft.scope = cell.to_owned(),
                Field::Jurisdiction => draft.jurisdiction = text(),
                Field::Brand => draft.brand = text(),
                Field::SubjectKind => draft.subject_kind = text(),
                Field::ExternalId => draft.external_id = text(),
                Field::ReceivedAt => draft.received_at = text(),
                Field::DueAt => draft.due_at = text(),
                Field::VerifiedBy => draft.verified_by = text(),
                Field::VerifiedAt => draft.verified_at = text(),
            },
        }
    }
}
