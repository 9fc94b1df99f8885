//! `habeas request show`: five questions on one screen. What was asked and by when; what is known
//! per system; what waits, for whom, since and until when; what happens next by itself; what you
//! can do now.

use domain::task::Whom;
use domain::{Instant, Outcome, Right};
use engine::operator::find;
use engine::operator::show::{
    self as read_model, Asked, JobView, NextAct, RequestView, Revealed, SystemView, WaitView,
    at_place,
};
use serde_json::json;

use crate::args::Common;
use crate::exit::{Exit, Stop};
use crate::open::Session;
use crate::screen::Screen;
use crate::show::{day, list, n_of, time, when};

/// Pieces of evidence listed per system; the journal has them all.
const MOST_EVIDENCE: usize = 4;

/// Arguments of `request show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas request show req_01\n  \
    habeas request show req_01 --reveal     values in plain; journalled with your name")]
pub struct Args {
    /// The request, by its id, the beginning of it, or its external id; or one of its tasks.
    id: String,
    /// Show the person's identifiers in plain. The journal says that you did.
    #[arg(long)]
    reveal: bool,
}

/// Shows a request.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let session = match args.reveal {
        true => Session::to_write(common, screen).await?,
        false => Session::to_read(common, screen).await?,
    };
    let id = if args.id.starts_with("tsk_") {
        let task = find::task(&session.store, &args.id).await?;
        let task = session.store.task(task).await?;
        task.ok_or_else(|| Stop::usage("there is no such task"))?.request
    } else {
        find::request(&session.store, &args.id).await?
    };
    let view = read_model::request_view(&session.store, id, session.now).await?;
    let revealed = match args.reveal {
        true => Some(read_model::reveal(&session.desk(), id).await?),
        false => None,
    };
    if screen.json {
        let mut value = json!(view);
        value["clock"] = json!(session.clock_url);
        if let Some(revealed) = &revealed {
            value["revealed"] = json!(revealed);
        }
        screen.json(&value)?;
        return Ok(Exit::Done);
    }
    screen.line(whole(&view, revealed.as_deref().unwrap_or_default(), &session));
    Ok(Exit::Done)
}

/// The whole screen, without values.
pub fn text(view: &RequestView, session: &Session) -> String {
    whole(view, &[], session)
}

fn whole(view: &RequestView, revealed: &[Revealed], session: &Session) -> String {
    let now = session.now;
    let mut out = Vec::new();
    asked(&view.asked, now, &mut out);
    if !revealed.is_empty() {
        out.push("  In plain (the journal says that you saw it):".to_owned());
        out.extend(revealed.iter().map(|one| format!("      {} = {}", one.kind, one.value)));
    }
    if let Some(url) = &session.clock_url {
        out.push(format!("  The time here is {}, that of the twins at {url}.", time(now)));
    }
    if view.is_paused_everywhere {
        out.push("  EVERY CHANGING CALL IS STOPPED (habeas pause --all).".to_owned());
    }
    heading("Known, per system", &mut out);
    for system in &view.systems {
        known(system, view.asked.right, now, &mut out);
    }
    for left in &view.left_out {
        out.push(format!("  {}: left out, because {}", left.connection, left.why));
    }
    if view.systems.is_empty() && view.left_out.is_empty() {
        out.push("  nothing yet".to_owned());
    }
    heading("Waits", &mut out);
    out.extend(view.waits.iter().map(|wait| waits(wait, now)));
    or_nothing(view.waits.is_empty(), "for nothing and nobody", &mut out);
    heading("Next, by itself", &mut out);
    out.extend(view.next.iter().map(|act| next(act, now)));
    let is_yours = view.waits.iter().any(|wait| wait.whom == Whom::Operator);
    let nothing = if is_yours { "nothing, before you did what waits for you" } else { "nothing" };
    or_nothing(view.next.is_empty(), nothing, &mut out);
    heading("What you can do now", &mut out);
    for advice in &view.advice {
        match &advice.command {
            Some(command) => out.push(format!("  {}:\n      {command}", advice.what)),
            None => out.push(format!("  {}.", advice.what)),
        }
    }
    or_nothing(view.advice.is_empty(), "nothing", &mut out);
    out.join("\n")
}

fn heading(text: &str, out: &mut Vec<String>) {
    out.push(format!("\n{text}"));
}

fn or_nothing(is_empty: bool, text: &str, out: &mut Vec<String>) {
    if is_empty {
        out.push(format!("  {text}"));
    }
}

fn asked(asked: &Asked, now: Instant, out: &mut Vec<String>) {
    let state = asked.closing.as_ref().map_or_else(
        || asked.state.to_string(),
        |end| format!("closed: {}, on {} by {}", end.how, day(end.at), end.by),
    );
    out.push(format!("{}  {}  ({state})", asked.request, asked.right));
    if !asked.scope.is_empty() {
        out.push(format!("  scope        {}", asked.scope.replace('|', ", ")));
    }
    let late = if asked.is_late { "LATE: " } else { "" };
    out.push(format!("  received     {}", when(asked.received_at, now)));
    out.push(format!("  answer by    {late}{}, {}", when(asked.due_at, now), asked.due_basis));
    if let Some(verified) = &asked.verified {
        out.push(format!("  verified     by {} on {}", verified.by, day(verified.at)));
    }
    let more = [
        ("ticket", &asked.external_id),
        ("under", &asked.jurisdiction),
        ("brand", &asked.brand),
        ("person is", &asked.subject_kind),
    ];
    for (what, value) in more {
        if let Some(value) = value {
            out.push(format!("  {what:<12} {value}"));
        }
    }
    for view in &asked.identifiers {
        let seen = if view.seen_in.is_empty() {
            String::new()
        } else {
            format!(", known in {}", list(&view.seen_in))
        };
        out.push(format!("  {:<12} {} ({}{seen})", view.kind, view.masked, view.origin));
    }
}

fn known(system: &SystemView, right: Right, now: Instant, out: &mut Vec<String>) {
    let round = if system.round > 1 { format!(", round {}", system.round) } else { String::new() };
    let since = when(system.since, now);
    out.push(format!(
        "  {}: {}{round}, since {since}  [{}]",
        system.name, system.state, system.task
    ));
    let mut add = |text: String| out.push(format!("      {text}"));
    match (&system.outcome, &system.proof) {
        (Some(outcome), Some(proof)) => add(format!("{}; {proof}", came_to(outcome))),
        (Some(outcome), None) => add(came_to(outcome)),
        (None, _) => {}
    }
    match system.n_profiles {
        Some(_) if system.searched.is_empty() => add("nobody was looked up".to_owned()),
        Some(n) => {
            let found = n_of(u64::from(n), "profile");
            add(format!("{found} found; searched {}", list(&system.searched)));
        }
        None => {}
    }
    for gap in &system.not_searchable {
        add(format!("not covered: {gap}"));
    }
    if let Some(work) = &system.hand {
        add(at_place(&work.place, &work.what));
    }
    for left in &system.residue {
        add(format!("left there: {}", at_place(&left.place, &left.what)));
    }
    let was_sent = !matches!(system.outcome, Some(Outcome::LeftToPeople { .. }));
    if let Some(variant) = system.variant.as_ref().filter(|_| was_sent && !right.only_reads()) {
        add(format!("the vendor's way: {variant}"));
    }
    system.jobs.iter().for_each(|one| add(job(one)));
    for piece in system.evidence.iter().rev().take(MOST_EVIDENCE) {
        add(format!("evidence {}: {} (SHA-256 {:.12})", time(piece.at), piece.title, piece.digest));
    }
    let n_more = system.evidence.len().saturating_sub(MOST_EVIDENCE);
    if n_more > 0 {
        let pieces = if n_more == 1 { "piece" } else { "pieces" };
        add(format!("and {n_more} more {pieces} of evidence (--json lists all)"));
    }
}

/// What came of it, for a reader who knows no word of ours.
fn came_to(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refuted { still_in } => format!(
            "{}: the vendor says done, but the person is still there in {}",
            outcome.word(),
            list(still_in)
        ),
        _ => outcome.to_string(),
    }
}

/// What a vendor was asked to do. Not every vendor names it, or says more than that it took it.
fn job(job: &JobView) -> String {
    let since = time(job.started_at);
    let name = job.vendor_ref.as_deref().map_or(String::new(), |name| format!(" {name}"));
    match &job.vendor_says {
        Some(says) => format!("vendor job{name}, since {since}: says {says}"),
        None if job.is_lost => format!("sent on {since}; the answer was lost"),
        None if job.is_taken => format!("vendor job{name}: taken by the vendor on {since}"),
        None if job.is_over => {
            format!("tried on {since}: the vendor did not take it, so nothing was done")
        }
        None => format!("being sent since {since}"),
    }
}

fn waits(wait: &WaitView, now: Instant) -> String {
    let until =
        wait.until.map_or_else(String::new, |until| format!(", until {}", when(until, now)));
    let whom = match wait.whom {
        Whom::Operator => "you".to_owned(),
        Whom::Time => "time to pass".to_owned(),
        whom => whom.to_string(),
    };
    format!(
        "  {} waits for {whom}, since {}{until}:\n      {}",
        wait.system,
        when(wait.since, now),
        wait.why
    )
}

fn next(act: &NextAct, now: Instant) -> String {
    format!("  {}  {}: {}", when(act.at, now), act.system, act.what)
}
