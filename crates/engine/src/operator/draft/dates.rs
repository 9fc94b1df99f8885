//! Dates as people give them: RFC 3339, or a day, which begins at midnight UTC.

use domain::Instant;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Fault;

/// When a request was received: not in the future.
pub(super) fn received(text: Option<&str>, now: Instant) -> Result<Instant, Fault> {
    let received_at = optional("received_at", text)?.unwrap_or(now);
    if received_at > now {
        let message = "is in the future; a request can't have been received yet then";
        return Err(Fault::new("received_at", "E-REQ-021", message));
    }
    Ok(received_at)
}

/// When it must be answered: not before it was received. A date that has passed is taken, and shown
/// as late.
pub(super) fn due(
    text: Option<&str>,
    received_at: Option<Instant>,
) -> Result<Option<Instant>, Fault> {
    let due_at = optional("due_at", text)?;
    if due_at.zip(received_at).is_some_and(|(due_at, received_at)| due_at < received_at) {
        return Err(Fault::new("due_at", "E-REQ-022", "is before the date of receipt"));
    }
    Ok(due_at)
}

/// When somebody vouched: not in the future.
pub(super) fn verified(text: Option<&str>, now: Instant) -> Result<Option<Instant>, Fault> {
    let verified_at = optional("verified_at", text)?;
    if verified_at.is_some_and(|at| at > now) {
        return Err(Fault::new("verified_at", "E-REQ-023", "is in the future"));
    }
    Ok(verified_at)
}

fn optional(field: &str, text: Option<&str>) -> Result<Option<Instant>, Fault> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let fault = || {
        let message = "is neither a day (2026-11-22) nor a time by RFC 3339 (2026-11-22T09:30:00Z)";
        Fault::new(field, "E-REQ-020", message)
    };
    read(text).map(Some).ok_or_else(fault)
}

/// Reads a day or a time.
pub(in crate::operator) fn read(text: &str) -> Option<Instant> {
    if let Ok(at) = text.parse::<Instant>() {
        return Some(at);
    }
    let is_day = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let day: Date = is_day.then(|| text.parse().ok()).flatten()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}
