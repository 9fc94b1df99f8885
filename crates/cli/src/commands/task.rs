//! `habeas task …`: one task of a request.

use clap::{Subcommand, ValueEnum};
use engine::operator::tasks::{Settle, TaskView};
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;

/// The commands on tasks.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Record that work by hand was done, or is left undone.
    #[command(after_help = "Examples:\n  \
        habeas task settle tsk_01 done --note 'deleted in the app by its support'\n  \
        habeas task settle tsk_01 skip --note 'the account was closed years ago'")]
    Settle {
        /// The task.
        id: String,
        /// Whether it was done.
        #[arg(value_enum)]
        how: How,
        /// What was done, or why nothing is; names no person.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Begin another round of a task that is over or waits for a decision.
    #[command(after_help = "Example:\n  habeas task retry tsk_01")]
    Retry {
        /// The task.
        id: String,
    },
}

/// How a task is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// Somebody did it.
    Done,
    /// It is left undone.
    Skip,
}

/// Runs one of them.
pub async fn run(command: Task, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let task: TaskView = match command {
        Task::Settle { id, how, note } => {
            let id = client.task(&id).await?;
            let how = match how {
                How::Done => Settle::Done,
                How::Skip => Settle::Skip,
            };
            client.post(&format!("/tasks/{id}/settle"), &json!({"how": how, "note": note})).await?
        }
        Task::Retry { id } => {
            let id = client.task(&id).await?;
            client.post_to(&format!("/tasks/{id}/retry")).await?
        }
    };
    tell(&task, screen)?;
    client.act().await?;
    Ok(Exit::Done)
}

fn tell(view: &TaskView, screen: Screen) -> anyhow::Result<()> {
    if screen.json {
        return screen.json(view);
    }
    let TaskView { task, request, state, outcome } = view;
    let what = outcome.as_ref().map_or_else(|| state.to_string(), ToString::to_string);
    screen.line(format!("{task}: {what}. The request: habeas request show {request}"));
    Ok(())
}
