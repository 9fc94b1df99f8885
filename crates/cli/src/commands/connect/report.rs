//! A check: made, and shown as a person needs it. What is missing comes with what is lost and the
//! click path that grants it.

use std::collections::BTreeMap;
use std::sync::Arc;

use connector_api::VendorError;
use domain::Connection;
use domain::connection::{CheckReport, Verdict};
use engine::check::CheckError;
use engine::http::HttpClient;
use engine::{Clock, Surroundings};
use store::Secret;

use crate::exit::Stop;
use crate::open::Session;
use crate::screen::Screen;

/// Tries every permission of a connection that need not be saved yet.
pub async fn check(
    session: &Session,
    clock: Arc<dyn Clock>,
    connection: &Connection,
    secrets: &BTreeMap<String, Secret>,
) -> anyhow::Result<CheckReport> {
    let connector = super::connector(&connection.connector)
        .ok_or_else(|| Stop::failed("this version does not know the connector"))?;
    let with = Surroundings { store: session.store.clone(), clock, http: HttpClient::new()? };
    let checked = engine::check::check(connector, connection, secrets.clone(), &with).await;
    checked.map_err(|error| failure(&error).into())
}

fn failure(error: &CheckError) -> Stop {
    let text = error.to_string();
    match error {
        CheckError::Target(_) => Stop::usage(text),
        CheckError::Vendor(VendorError::CredentialsRejected { .. }) => Stop::refused(text)
            .advise("look at the credentials, the region and the account they belong to"),
        CheckError::Vendor(VendorError::PermissionMissing { .. }) => Stop::refused(text),
        CheckError::Vendor(
            VendorError::Transient { .. }
            | VendorError::AnswerLost { .. }
            | VendorError::Throttled { .. },
        ) => {
            Stop::unreachable(text).advise("look at the network and the base URLs, then try again")
        }
        CheckError::Vendor(VendorError::Invalid { .. } | VendorError::ContractBroken { .. }) => {
            Stop::failed(text)
        }
    }
}

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
