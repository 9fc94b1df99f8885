//! Switches of a connection as people write them: `mode=act guard=5000 until=2026-12-31`.

use std::collections::BTreeMap;
use std::str::FromStr;

use connector_api::Manifest;
use domain::Instant;
use domain::connection::Switches;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::operator::draft::read_date;
use crate::operator::fault::Fault;

/// The switches, for messages.
const KNOWN: &str = "mode, review, approval, guard, until, completion, batch, limits.NAME, \
                     serves.rights, serves.brands, serves.jurisdictions, serves.subject_kinds";

/// Sets switches; all of them, or none if one is wrong.
pub(in crate::operator) fn set(
    switches: &mut Switches,
    assignments: &[(String, String)],
    now: Instant,
) -> Result<(), Fault> {
    let changed = with(switches.clone(), assignments)?;
    let is_set = assignments.iter().any(|(key, _)| key == "until");
    if is_set && changed.guard_until.is_some_and(|until| until <= now) {
        let message = "has passed already, so `guard` would hold for no moment; give a day that \
                       lies ahead, or `none`";
        return Err(Fault::new("until", "E-SET-002", message));
    }
    *switches = changed;
    Ok(())
}

fn with(mut switches: Switches, assignments: &[(String, String)]) -> Result<Switches, Fault> {
    // A new guard ends the old one's date, wherever in the line the new date stands.
    let mut ordered: Vec<_> = assignments.iter().collect();
    ordered.sort_by_key(|(key, _)| key != "guard");
    for (key, value) in ordered {
        set_one(&mut switches, key, value.trim())?;
    }
    Ok(switches)
}

/// Switches by the name under which they are set; one that is set to nothing is `null`.
pub(in crate::operator) fn fields(switches: &Switches) -> BTreeMap<String, Value> {
    let Switches { mode, review, approval, guard, guard_until, completion, batch, limits, serves } =
        switches;
    let rights = serves.rights.iter().map(|right| right.word());
    let mut fields = BTreeMap::from([
        ("mode".to_owned(), json!(mode)),
        ("review".to_owned(), json!(review)),
        ("approval".to_owned(), json!(approval)),
        ("guard".to_owned(), json!(guard)),
        ("until".to_owned(), json!(guard_until.map(day_or_time))),
        ("completion".to_owned(), json!(completion)),
        ("batch".to_owned(), json!(batch)),
        ("serves.rights".to_owned(), rights.collect()),
        ("serves.brands".to_owned(), json!(serves.brands)),
        ("serves.jurisdictions".to_owned(), json!(serves.jurisdictions)),
        ("serves.subject_kinds".to_owned(), json!(serves.subject_kinds)),
    ]);
    fields.extend(limits.iter().map(|(name, n)| (format!("limits.{name}"), json!(n))));
    fields
}

/// What these assignments say, by name and nothing else; a guard without a date says that it has none.
pub(in crate::operator) fn named(
    assignments: &[(String, String)],
) -> Result<BTreeMap<String, Value>, Fault> {
    let all = fields(&with(Switches::default(), assignments)?);
    let keys = assignments.iter().map(|(key, _)| key.as_str());
    let date = assignments.iter().any(|(key, _)| key == "guard").then_some("until");
    let value = |key: &str| (key.to_owned(), all.get(key).cloned().unwrap_or_default());
    Ok(keys.chain(date).map(value).collect())
}

/// What a switch is until somebody sets it; nothing if there is no such switch.
pub(in crate::operator) fn usual(key: &str) -> Option<Value> {
    if key.starts_with("limits.") {
        return Some(Value::Null);
    }
    fields(&Switches::default()).remove(key)
}

/// The text that sets a switch to a value of [`fields`].
pub(in crate::operator) fn assignment(key: &str, value: &Value) -> String {
    match value {
        // An empty list is one that serves all.
        Value::Null if key.starts_with("serves.") => String::new(),
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Refuses a limit that the connector does not have: it would silently do nothing.
pub(in crate::operator) fn refuse_unknown_limits(
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

/// How long after its beginning a day ends, to the millisecond.
fn day() -> SignedDuration {
    SignedDuration::from_hours(24) - SignedDuration::from_millis(1)
}

/// A time as it was given: the day that ends with it, or the time itself.
fn day_or_time(at: Instant) -> String {
    let text = at.to_string();
    match text.strip_suffix("T23:59:59.999Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

/// The end of a day, or an exact time; `none` takes the switch back.
fn end_of(key: &str, value: &str) -> Result<Option<Instant>, Fault> {
    if value == "none" {
        return Ok(None);
    }
    let message = "is neither a day (2026-12-31) nor a time by RFC 3339";
    let at = read_date(value).ok_or_else(|| Fault::new(key, "E-SET-002", message))?;
    let is_day = value.len() == 10;
    Ok(Some(if is_day { at.checked_add(day()).unwrap_or(at) } else { at }))
}
