//! `habeas demo`: a whole story against simulated vendors. It works as an operator would, with the
//! same functions as the commands: connect, import, approve, serve, package, answer.

mod beat;
mod board;
mod cast;
mod ending;
mod story;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::args::Common;
use crate::clock::real_now;
use crate::commands::serve::until_stopped;
use crate::environment;
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use story::Story;

/// How many people the simulated vendor knows.
const PEOPLE: usize = 60;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas demo            then try the commands it prints; Ctrl-C ends it\n  \
    habeas demo --once     ends after the story, with 3: something is left for a person")]
pub struct Args {
    /// End after the story.
    #[arg(long)]
    once: bool,
    /// The folder to play in, without a demo in it; a fresh one without it.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Plays the demo.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let stays = screen.is_terminal() && !screen.json && !args.once;
    // Of a folder that nobody named, nothing is of use once the simulated people are gone.
    let is_passing = args.folder.is_none() && !stays;
    let folder = fresh_folder(args.folder)?;
    let common = Common {
        data: folder.join("data"),
        keys: folder.join("keys"),
        bodies: None,
        ..common.clone()
    };
    let options =
        twins::Options { people: PEOPLE, start_at: real_now(), ..twins::Options::default() };
    let serving = twins::serve(options).await.context("could not open the twins' ports")?;
    let description = serving.description();
    fs::write(folder.join("twins.json"), description.to_string())
        .context("could not write the twins' description")?;
    let mut story = Story::begin(&serving, &folder, &common, screen).await?;
    let mut ending = tokio::select! {
        ending = story.play() => ending?,
        () = until_stopped(), if stays => return Ok(Exit::Done),
    };
    let is_something_left = ending.is_something_left();
    if is_passing {
        ending.forget_files();
    }
    ending.show(stays, screen)?;
    if stays {
        say_how_to_go_on(&ending, &common, screen);
        until_stopped().await;
        story.end().await?;
        return Ok(Exit::Done);
    }
    story.end().await?;
    serving.stop().await;
    if is_passing {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("could not remove {}", folder.display()))?;
    }
    Ok(Exit::left(is_something_left))
}

/// A folder that nobody uses yet.
fn fresh_folder(wanted: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = wanted {
        if folder.join("data").exists() {
            let what = format!("{} holds the data of a demo already", folder.display());
            return Err(Stop::usage(what)
                .advise("its simulated people ended with it, so it can't go on: name another folder, leave out --folder, or remove this one")
                .into());
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        return Ok(folder);
    }
    let name = format!("habeas-demo-{}", real_now().strftime("%Y%m%d-%H%M%S"));
    for n in 1..100 {
        let name = if n == 1 { name.clone() } else { format!("{name}-{n}") };
        let folder = std::env::temp_dir().join(name);
        // Not `create_dir_all`: a folder that exists is somebody else's.
        if fs::create_dir(&folder).is_ok() {
            return Ok(folder);
        }
    }
    anyhow::bail!("could not make a folder for the demo in {}", std::env::temp_dir().display())
}

fn say_how_to_go_on(ending: &ending::Ending, common: &Common, screen: Screen) {
    let program = program();
    screen.line("\nTwin and engine stay up. Try, in another terminal:\n");
    screen.line(format!(
        "  export HABEAS_DATA={} HABEAS_KEYS={}",
        common.data.display(),
        common.keys.display()
    ));
    for command in ending.to_try() {
        screen.line(format!("  {program} {command}"));
    }
    let twins = common.data.with_file_name("twins.json");
    screen.line(format!("\nThe simulated people, with every id of theirs: {}", twins.display()));
    screen.line("Ctrl-C ends the demo.");
}

/// How the program is called here: by its name where the shell finds it, else by its path.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "habeas".to_owned() };
    let folders = environment::variable("PATH").unwrap_or_default();
    let is_found =
        path.parent().is_some_and(|own| folders.split(':').any(|one| Path::new(one) == own));
    if is_found { "habeas".to_owned() } else { path.display().to_string() }
}
