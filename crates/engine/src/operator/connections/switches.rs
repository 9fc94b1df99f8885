//! Switches of a connection as people write them: `mode=act guard=5000 until=2026-12-31`.

use std::str::FromStr;

use connector_api::Manifest;
use domain::Instant;
use domain::connection::Switches;

use crate::operator::draft::read_date;
use crate::operator::fault::Fault;

/// The switches, for messages.
const KNOWN: &str = "mode, review, approval, guard, until, completion, batch, limits.NAME, \
                     serves.rights, serves.brands, serves.jurisdictions, serves.subject_kinds";

/// Sets switches; all of them, or none if one is wrong.
pub(super) fn set(
    switches: &mut Switches,
    assignments: &[(String, String)],
    now: Instant,
) -> Result<(), Fault> {
    let mut changed = switches.clone();
    // A new guard ends the old one's date, wherever in the line the new date stands.
    let mut ordered: Vec<_> = assignments.iter().collect();
    ordered.sort_by_key(|(key, _)| key != "guard");
    for (key, value) in ordered {
        set_one(&mut changed, key, value.trim())?;
    }
    let is_set = assignments.iter().any(|(key, _)| key == "until");
    if is_set && changed.guard_until.is_some_and(|until| until <= now) {
        let message = "has passed already, so `guard` would hold for no moment; give a day that \
                       lies ahead, or `none`";
        return Err(Fault::new("until", "E-SET-002", message));
    }
    *switches = changed;
    Ok(())
}

/// Refuses a limit that the connector does not have: it would silently do nothing.
pub(super) fn refuse_unknown_limits(
    manifest: &Manifest,
    assignments: &[(String, String)],
) -> Result<(), Fault> {
    let names: Vec<_> = manifest.limits.iter().map(|limit| limit.name).collect();
    let mut limits = assignments.iter().filter_map(|(key, _)| key.strip_prefix("limits."));
    match limits.find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("there is no such limit; there are {}", names.join(", "));
            Err(Fault::new(format!("limits.{name}"), "E-SET-001", message))
        }
    }
}

fn set_one(switches: &mut Switches, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "mode" => switches.mode = word(key, value)?,
        "review" => switches.review = word(key, value)?,
        "approval" => switches.approval = word(key, value)?,
        "completion" => switches.completion = word(key, value)?,
        "guard" => {
            switches.guard = number(key, value)?;
            switches.guard_until = None;
        }
        "until" => switches.guard_until = end_of(key, value)?,
        "batch" => {
            switches.batch = number(key, value)?;
            if switches.batch == Some(0) {
                return Err(Fault::new(key, "E-SET-002", "is zero; `none` takes it back"));
            }
        }
        _ => return set_nested(switches, key, value),
    }
    Ok(())
}

fn set_nested(switches: &mut Switches, key: &str, value: &str) -> Result<(), Fault> {
    let list = || value.split(',').map(str::trim).filter(|one| !one.is_empty());
    let texts = || list().map(ToOwned::to_owned).collect();
    match key.split_once('.') {
        Some(("limits", name)) if !name.is_empty() => {
            match number(key, value)?.filter(|n| *n > 0) {
                Some(n) => switches.limits.insert(name.to_owned(), n),
                None => switches.limits.remove(name),
            };
        }
        Some(("serves", "rights")) => {
            let rights: Result<_, _> = list().map(|one| word(key, one)).collect();
            switches.serves.rights = rights?;
        }
        Some(("serves", "brands")) => switches.serves.brands = texts(),
        Some(("serves", "jurisdictions")) => switches.serves.jurisdictions = texts(),
        Some(("serves", "subject_kinds")) => switches.serves.subject_kinds = texts(),
        _ => {
            let message = format!("there is no such switch; there are {KNOWN}");
            return Err(Fault::new(key, "E-SET-001", message));
        }
    }
    Ok(())
}

fn word<T: FromStr>(key: &str, value: &str) -> Result<T, Fault>
where
    T::Err: ToString,
{
    value.parse().map_err(|error: T::Err| Fault::new(key, "E-SET-002", error.to_string()))
}

/// A number; `none` takes the switch back.
fn number(key: &str, value: &str) -> Result<Option<u32>, Fault> {
    if value == "none" {
        return Ok(None);
    }
    let message = "is neither a number nor `none`";
    value.parse().map(Some).map_err(|_| Fault::new(key, "E-SET-002", message))
}

/// The end of a day, or an exact time; `none` takes the switch back.
fn end_of(key: &str, value: &str) -> Result<Option<Instant>, Fault> {
    if value == "none" {
        return Ok(None);
    }
    let message = "is neither a day (2026-12-31) nor a time by RFC 3339";
    let at = read_date(value).ok_or_else(|| Fault::new(key, "E-SET-002", message))?;
    let is_day = value.len() == 10;
    let day = jiff::SignedDuration::from_hours(24) - jiff::SignedDuration::from_millis(1);
    Ok(Some(if is_day { at.checked_add(day).unwrap_or(at) } else { at }))
}
