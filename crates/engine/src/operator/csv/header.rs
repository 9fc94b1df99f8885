//! The header of a CSV of requests: which column holds what.

use domain::IdentifierKind;

use super::FileFault;
use crate::operator::draft::Draft;

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
    let names: Vec<_> = cells.iter().map(|cell| cell.trim()).collect();
    // Without this column the first row is no header but somebody's data, which no message repeats.
    if !names.contains(&Field::Right.word()) {
        return Err(FileFault::MissingColumn { column: Field::Right.word() });
    }
    let mut columns = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let column = Column::of(name).ok_or_else(|| unknown(index, name))?;
        if columns.contains(&column) {
            return Err(FileFault::ColumnTwice { column: (*name).to_owned() });
        }
        columns.push(column);
    }
    if !columns.iter().any(|column| matches!(column, Column::Identifier(_))) {
        return Err(FileFault::MissingColumn { column: "email" });
    }
    Ok(columns)
}

fn unknown(index: usize, name: &str) -> FileFault {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let is_shown = !name.is_empty() && name.len() <= 40 && name.chars().all(is_plain);
    let column = if is_shown { name.to_owned() } else { format!("number {}", index + 1) };
    let fields = Field::ALL.iter().map(|field| field.word());
    let kinds = IdentifierKind::BUILT_IN.iter().map(IdentifierKind::name);
    let known = fields.chain(kinds).collect::<Vec<_>>().join(", ");
    FileFault::UnknownColumn { column, known }
}

impl Column {
    fn of(name: &str) -> Option<Self> {
        let field = name.parse().map(Self::Field).ok();
        field.or_else(|| name.parse().map(Self::Identifier).ok())
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
                draft.identifiers.extend(values.map(|value| (kind.clone(), value.to_owned())));
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
