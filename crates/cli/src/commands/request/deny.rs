//! `habeas request deny`.

use domain::RequestId;
use domain::request::ClosedAs;
use engine::operator::{OperatorError, decide, find};

use crate::args::Common;
use crate::commands::request::cancel::tell;
use crate::exit::{Exit, Stop};
use crate::open::Session;
use crate::screen::Screen;

/// Arguments of `request deny`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas request deny req_01 --note 'not our customer'")]
pub struct Args {
    /// The request.
    id: String,
    /// Why; names no person.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Refuses the request.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = Session::to_write(common, screen).await?;
    let id = find::request(&session.store, &args.id).await?;
    let stopped = decide::deny(&session.desk(), id, &args.note).await;
    let stopped = stopped.map_err(|error| too_late(error, id))?;
    tell(ClosedAs::Denied, &stopped, screen)
}

/// What was carried out is not denied: the person is told of it instead.
fn too_late(error: OperatorError, id: RequestId) -> anyhow::Error {
    match error {
        OperatorError::CarriedOut { .. } => Stop::refused(error.to_string())
            .advise(format!(
                "tell the person what was done: `habeas request answer {id} --note …`; what has not begun can be left out before, by the commands that `habeas request show {id}` names"
            ))
            .into(),
        error => error.into(),
    }
}
