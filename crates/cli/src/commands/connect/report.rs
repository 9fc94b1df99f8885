//! A check, shown as a person needs it. What is missing comes with what is lost and the
//! click path that grants it.

use domain::connection::{CheckReport, Verdict};

use crate::screen::Screen;

/// Shows what a check found, to a person.
pub fn show(report: &CheckReport, screen: Screen) {
    if let Some(account) = &report.account {
        screen.line(format!("The credentials lead to “{}” ({}).", account.name, account.id));
    }
    let rows = report.permissions.iter().map(|result| {
        let kind = if result.required { "required" } else { "optional" };
        let lost = match result.verdict {
            Verdict::Missing => format!("lost: {}\ngrant: {}", result.lost, result.grant),
            Verdict::Untestable => "the first real call tells".to_owned(),
            Verdict::Granted => String::new(),
        };
        vec![result.permission.clone(), kind.to_owned(), result.verdict.to_string(), lost]
    });
    screen.table(&["permission", "", "verdict", ""], rows.collect());
    let rows = report.capabilities.iter().map(|state| {
        let verdict =
            state.lacking.as_ref().map_or("works".to_owned(), |why| format!("off: {why}"));
        vec![state.right.to_string(), verdict]
    });
    screen.table(&["right", "capability"], rows.collect());
    for note in &report.notes {
        screen.line(format!("Note: {note}"));
    }
}
