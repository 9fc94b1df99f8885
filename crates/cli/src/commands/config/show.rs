//! Plans and what became of them, for people.

use engine::operator::config::{Carried, Change, FieldChange, How, LeftAlone, Plan, SecretChange};
use serde_json::Value;

use crate::screen::Screen;
use crate::show;

/// Shows what would change, what is left alone and what can't be compared.
pub fn plan(plan: &Plan, screen: Screen) {
    if plan.changes.is_empty() {
        screen.line("Nothing to do: the installation is what the file says.");
    } else {
        let rows = plan.changes.iter().flat_map(rows).collect();
        screen.table(&["what", "", "is", "would be", ""], rows);
    }
    for one in plan.ends.iter().filter(|one| one.n_tasks > 0) {
        screen.line(format!(
            "With {} end {}; at {} of them the vendor is, or may be, at work.",
            one.connection,
            show::n_of(one.n_tasks as u64, "open task"),
            one.n_at_vendor
        ));
    }
    if !plan.left_alone.is_empty() {
        screen.line("Not in the file, and left alone (--prune takes it away):");
        for one in &plan.left_alone {
            screen.line(format!("  {}", left_alone(one)));
        }
    }
    if !plan.not_compared.is_empty() {
        let names = show::list(&plan.not_compared);
        screen.line(format!("Secrets that could not be compared: {names}"));
    }
}

/// Shows what was done and what is left.
pub fn carried(carried: &Carried, screen: Screen) {
    for change in &carried.done {
        screen.line(format!("done: {} {}", change.how, name(change)));
    }
    for change in &carried.left {
        screen.line(format!("left: {} {}", change.how, name(change)));
    }
}

fn rows(change: &Change) -> Vec<Vec<String>> {
    let since = change.by_hand_since.map(show::time);
    let by_hand = |is: bool| match (&since, is) {
        (Some(since), true) => format!("changed by hand since {since}"),
        _ => String::new(),
    };
    let is_gone = change.how == How::Create;
    let head = format!("{} {}", change.how, name(change));
    let mut rows = vec![vec![head, String::new(), String::new(), String::new(), by_hand(is_gone)]];
    rows.extend(change.fields.iter().map(|one| {
        let (is, would_be) = values(one);
        vec![String::new(), one.field.clone(), is, would_be, by_hand(one.by_hand)]
    }));
    rows
}

fn values(one: &FieldChange) -> (String, String) {
    let words = |is: &str, would_be: &str| (is.to_owned(), would_be.to_owned());
    match one.secret {
        None => (value(&one.from), value(&one.to)),
        Some(SecretChange::New) => words("-", "held"),
        Some(SecretChange::Other) => words("held", "another value"),
        Some(SecretChange::Gone) => words("held", "-"),
    }
}

/// A value as a person reads it; a dash where there is none.
fn value(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => show::list(list.iter().map(self::value)),
        other => other.to_string(),
    }
}

fn name(change: &Change) -> String {
    format!("{}.{}", change.part, change.name)
}

fn left_alone(one: &LeftAlone) -> String {
    let name = format!("{}.{}", one.part, one.name);
    match (&one.field, &one.value) {
        (Some(field), is) => format!("{name}.{field} = {}", value(is)),
        (None, Value::Null) => name,
        (None, is) => format!("{name} = {}", value(is)),
    }
}
