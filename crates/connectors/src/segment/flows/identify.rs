//! Asks which workspace the token leads to now, right before something is changed.

use connector_api::combinators::{ask, remember};
use connector_api::{Input, Report, Step, Turn, VendorError};
use domain::connection::Account;

use super::{VERSION, out_of_turn};
use crate::segment::{client, wire};

pub(super) fn step(input: &Input<'_>) -> Result<Turn, VendorError> {
    match input {
        Input::Start(_) => Ok(ask(VERSION, &(), vec![client::workspace()])),
        Input::Answers([answer]) => {
            let read: wire::Data<wire::WorkspaceData> = client::read(answer, "workspace")?;
            let wire::Workspace { id, name } = read.data.workspace;
            let report = Report::Identified(Account { id, name });
            Ok(Turn::new(remember(VERSION, &()), Step::Done(report)))
        }
        Input::Answers(_) | Input::Lost(_) | Input::Sought { .. } | Input::Woken => {
            Err(out_of_turn())
        }
    }
}
