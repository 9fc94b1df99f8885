//! Notes that a person adds to a decision. They are kept in plain beside it, so they must not name
//! the person whom the request is about.

use domain::RequestId;

use super::desk::{Desk, OperatorError};
use super::fault::Fault;

/// Longer notes belong elsewhere.
const LONGEST: usize = 2_000;
/// Shorter values stand in texts by chance.
const SHORTEST_VALUE: usize = 4;

/// A note as it may be kept.
pub(super) async fn read(
    desk: &Desk<'_>,
    request: RequestId,
    note: &str,
) -> Result<String, OperatorError> {
    let note = note.trim();
    let refuse = |code, message: &str| OperatorError::Fault(Fault::new("note", code, message));
    if note.chars().count() > LONGEST {
        return Err(refuse("E-REQ-050", "is longer than 2,000 characters"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(refuse("E-REQ-050", "holds a control character"));
    }
    let lower = note.to_lowercase();
    let names_the_person =
        |value: &str| value.len() >= SHORTEST_VALUE && lower.contains(&value.to_lowercase());
    // What can't be read can't be compared.
    desk.store.refuse_unopened(&[request]).await?;
    let identifiers = desk.store.identifiers_of(&[request]).await?;
    if identifiers
        .iter()
        .any(|(_, one)| names_the_person(&one.given) || names_the_person(&one.normalised))
    {
        let message =
            "holds an identifier of the person; notes are kept in plain, so write it without";
        return Err(refuse("E-REQ-051", message));
    }
    Ok(note.to_owned())
}
