//! `habeas explain`: the page of an error code.

use serde_json::json;

use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  habeas explain E-REQ-016")]
pub struct Args {
    /// The code, as it stands behind a message.
    code: String,
}

/// Shows what a code means, and what to do.
pub fn run(args: &Args, screen: Screen) -> anyhow::Result<Exit> {
    let code = args.code.to_uppercase();
    let page = server::explain(&code).ok_or_else(|| {
        Stop::usage("there is no such code").advise("a code looks like E-REQ-016")
    })?;
    if screen.json {
        screen.json(&json!({"code": code, "page": page}))?;
    } else {
        screen.line(page.trim_end());
    }
    Ok(Exit::Done)
}
