//! `habeas request show`: five questions on one screen. What was asked and by when; what is known
//! per system; what waits, for whom, since and until when; what happens next by itself; what you
//! can do now.

use domain::deadline::Basis;
use domain::task::Whom;
use domain::{Instant, Outcome, Proof, Right, TaskState};
use engine::operator::find::Found;
use engine::operator::show::{
    Asked, JobView, NextAct, RequestView, Revealed, Standing, SystemView, WaitView, at_place,
};
use serde_json::json;

use crate::args::Common;
use crate::client::Client;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::show::{ahead, day, list, n_of, time, when};

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
    let client = match args.reveal {
        true => Client::to_write(common, screen).await?,
        false => Client::to_read(common, screen).await?,
    };
    let Found { request: id, .. } = client.find(&args.id).await?;
    let view: RequestView = client.get(&format!("/requests/{id}")).await?;
    let revealed: Option<Vec<Revealed>> = match args.reveal {
        true => Some(client.post_to(&format!("/requests/{id}/reveal")).await?),
        false => None,
    };
    if screen.json {
        let mut value = json!(view);
        value["clock"] = json!(client.clock_url);
        if let Some(revealed) = &revealed {
            value["revealed"] = json!(revealed);
        }
        screen.json(&value)?;
        return Ok(Exit::Done);
    }
    screen.line(whole(&view, revealed.as_deref().unwrap_or_default(), &client));
    Ok(Exit::Done)
}

/// The whole screen, without values.
pub fn text(view: &RequestView, client: &Client) -> String {
    whole(view, &[], client)
}

fn whole(view: &RequestView, revealed: &[Revealed], client: &Client) -> String {
    let now = client.now;
    let mut out = Vec::new();
    asked(&view.asked, now, &mut out);
    if !revealed.is_empty() {
        out.push("  In plain (the journal says that you saw it):".to_owned());
        out.extend(revealed.iter().map(|one| format!("      {} = {}", one.kind, one.value)));
    }
    if let Some(url) = &client.clock_url {
        out.push(format!("  The clock is that of the simulated vendor at {url}: {}.", time(now)));
    }
    if view.is_paused_everywhere {
        out.push("  EVERY CHANGING CALL IS STOPPED; on again: habeas resume --all".to_owned());
    }
    heading("Known, per system", &mut out);
    for system in &view.systems {
        known(system, view, now, &mut out);
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
    heading(
        match view.is_served {
            true => "Next, by itself",
            false => "Next, by itself, but only while `habeas serve` runs (nobody runs it now)",
        },
        &mut out,
    );
    out.extend(view.next.iter().map(|act| next(act, now)));
    let is_yours = view.waits.iter().any(|wait| wait.whom == Whom::Operator);
    let nothing =
        if is_yours { "nothing, until you have done what waits for you" } else { "nothing" };
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
        |end| {
            let purged = if end.purged.is_some() { "; its values are purged" } else { "" };
            format!("closed: {}, on {} by {}{purged}", end.how, day(end.at), end.by)
        },
    );
    out.push(format!("{}  {}  ({state})", asked.request, asked.right));
    if !asked.scope.words().is_empty() {
        out.push(format!("  scope        {}", list(asked.scope.words())));
    }
    let late = if asked.is_late { "LATE: " } else { "" };
    out.push(format!("  received     {}", when(asked.received_at, now)));
    out.push(format!("  answer by    {late}{}, {}", when(asked.due_at, now), basis(asked)));
    if let Some(verified) = &asked.verified {
        out.push(format!("  identity     verified by {} on {}", verified.by, day(verified.at)));
    }
    let more = [
        ("ticket", &asked.external_id),
        ("under", &asked.jurisdiction),
        ("brand", &asked.brand),
        ("person is", &asked.subject_kind),
        ("UNREADABLE", &asked.unopened),
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

/// Where the date comes from; a house rule is told with its days.
fn basis(asked: &Asked) -> String {
    let days = asked.due_at.duration_since(asked.received_at).as_hours() / 24;
    match asked.due_basis {
        Basis::Default => format!("{days} days after receipt: {}", Basis::Default),
        Basis::Given => Basis::Given.to_string(),
    }
}

/// Where a task stands, for a reader who knows no word of ours.
fn stands(system: &SystemView, is_paused_everywhere: bool) -> String {
    let is_held = matches!(
        system.standing,
        Standing::PausedByPerson { .. } | Standing::PausedByFailure { .. }
    );
    let is_being_sent = system.jobs.iter().any(|job| !job.is_over && !job.is_lost);
    match system.state {
        TaskState::Reviewing => "waits for your review".to_owned(),
        TaskState::Approving => "waits for your approval".to_owned(),
        TaskState::Deciding => "waits for your decision".to_owned(),
        TaskState::Acting if is_held || is_paused_everywhere => "waits".to_owned(),
        TaskState::Acting if system.wait.is_some() && !is_being_sent => "waits".to_owned(),
        TaskState::ByHand => "left to you, as work by hand".to_owned(),
        TaskState::Ended => over(system).to_owned(),
        state => state.to_string(),
    }
}

/// What is over, in a word: one that promises no more than is known.
fn over(system: &SystemView) -> &'static str {
    match (&system.outcome, &system.proof) {
        (None, _) => "over",
        (Some(Outcome::LeftToPeople { .. }), _) => "nothing done, left to you",
        (Some(Outcome::DoneWithResidue { .. }), _) => "done in part",
        (Some(outcome), Some(Proof::Unproven { .. })) if outcome.claims_an_effect() => {
            "said to be done, not proven"
        }
        (Some(outcome), _) => outcome.word(),
    }
}

fn known(system: &SystemView, view: &RequestView, now: Instant, out: &mut Vec<String>) {
    let right = view.asked.right;
    let round = if system.round > 1 { format!(", round {}", system.round) } else { String::new() };
    let since = when(system.since, now);
    out.push(format!(
        "  {}: {}{round}, since {since}  [{}]",
        system.name,
        stands(system, view.is_paused_everywhere),
        system.task
    ));
    let mut add = |text: String| out.push(format!("      {text}"));
    came_of_it(system, right, &mut add);
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
    let left = left_in(system);
    for one in &system.jobs {
        let round = match one.round {
            round if round < system.round => format!("round {round}: "),
            _ => String::new(),
        };
        add(round + &job(one, &left));
    }
    for piece in system.evidence.iter().rev().take(MOST_EVIDENCE) {
        add(format!("evidence {}: {} (SHA-256 {:.12})", time(piece.at), piece.title, piece.digest));
    }
    let n_more = system.evidence.len().saturating_sub(MOST_EVIDENCE);
    if n_more > 0 {
        let pieces = if n_more == 1 { "piece" } else { "pieces" };
        add(format!("and {n_more} more {pieces} of evidence (--json lists all)"));
    }
}

/// What came of it, what proves that, and who was found.
fn came_of_it(system: &SystemView, right: Right, add: &mut dyn FnMut(String)) {
    match (&system.outcome, &system.proof) {
        (Some(outcome), Some(proof)) => {
            add(format!("{}; {}", came_to(outcome), proven(proof, system, right)));
        }
        (Some(outcome), None) => add(came_to(outcome)),
        (None, _) => {}
    }
    match system.n_profiles {
        Some(_) if system.searched.is_empty() => add("no look-up was possible".to_owned()),
        Some(n) => {
            let found = n_of(u64::from(n), "profile");
            let before = match system.outcome.as_ref().is_some_and(Outcome::claims_an_effect) {
                true => "before: ",
                false => "",
            };
            add(format!("{before}{found} found; searched {}", list(&system.searched)));
        }
        None => {}
    }
}

/// What a vendor's one word for its whole job is qualified by, where something is left.
fn left_in(system: &SystemView) -> String {
    match &system.outcome {
        Some(Outcome::DoneWithResidue { residue }) => {
            let places = list(residue.iter().map(|left| &left.place));
            format!(", its one word for the whole job, because of what is left in {places}")
        }
        _ => String::new(),
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
        Outcome::LeftToPeople { .. } => {
            outcome.to_string().replacen(outcome.word(), "left to you", 1)
        }
        _ => outcome.to_string(),
    }
}

/// What proves it. A deletion's look-ups are told by what they mean.
fn proven(proof: &Proof, system: &SystemView, right: Right) -> String {
    match proof {
        Proof::Confirmed { n_looks } if right == Right::Deletion => match system.known_in.len() {
            1 => format!(
                "confirmed: none of {} is found any more",
                n_of(u64::from(*n_looks), "identifier")
            ),
            _ => format!("{proof}: the person is found nowhere any more"),
        },
        _ => proof.to_string(),
    }
}

/// What a vendor was asked to do. Not every vendor names it, or says more than that it took it.
fn job(job: &JobView, left: &str) -> String {
    let since = time(job.started_at);
    let name = job.vendor_ref.as_deref().map_or(String::new(), |name| format!(" {name}"));
    match &job.vendor_says {
        Some(says) => format!("vendor job{name}, since {since}: says {says}{left}"),
        None if job.is_lost => format!("sent on {since}; the vendor's reply never arrived"),
        None if job.is_taken => format!("vendor job{name}: taken by the vendor on {since}"),
        None if job.is_over => {
            format!("tried on {since}: the vendor did not take it, so nothing was done")
        }
        None => format!("being sent since {since}"),
    }
}

fn waits(wait: &WaitView, now: Instant) -> String {
    // The date of the answer stays as it was given.
    let time = if wait.task.is_some() { ahead } else { when };
    let until = match (wait.until, wait.whom) {
        (None, _) => String::new(),
        (Some(until), Whom::OtherRequest) => format!(", looked at again {}", time(until, now)),
        (Some(until), _) if wait.is_longest => format!(", at most until {}", time(until, now)),
        (Some(until), _) => format!(", until {}", time(until, now)),
    };
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
    format!("  {}  {}: {}", ahead(act.at, now), act.system, act.what)
}
