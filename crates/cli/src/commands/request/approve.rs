//! `habeas request approve`: shows what is about to pass a gate, asks, and lets exactly that pass.

use domain::{Right, TaskId};
use engine::operator::approve::{
    Approval, GateName, Passing, Pending, PendingPage, Selection, Shown, Stayed,
};
use serde_json::json;

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::{Exit, Stop};
use crate::screen::{Screen, table};
use crate::show;

/// More than this are shown as a summary only.
const MOST_SHOWN: usize = 20;

/// Tasks that are approved in one call.
const GROUP: usize = 2_000;

/// Arguments of `request approve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas request approve req_01 tsk_02\n  \
    habeas request approve --all --gate review --connection segment-eu\n  \
    habeas request approve --all --right access --yes\n\n\
    An approval holds for the plan that was shown. If the plan changes before it is carried out,\n\
    the task comes back to the gate and says what changed.")]
pub struct Args {
    /// Requests or tasks, by id.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// Everything that waits and fits the filters.
    #[arg(long)]
    all: bool,
    /// Only at this gate: review or approval.
    #[arg(long, value_name = "GATE")]
    gate: Option<GateName>,
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only under this right.
    #[arg(long, value_name = "RIGHT")]
    right: Option<Right>,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

/// Approves.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let selection = Selection {
        ids: args.ids,
        gate: args.gate,
        connection: args.connection,
        right: args.right,
    };
    let pending = preview(&client, &selection).await?;
    if pending.is_empty() {
        if screen.json {
            screen.json(&Approval::default())?;
        } else {
            screen.line(nothing(&client, &selection).await?);
        }
        return Ok(Exit::Done);
    }
    if !screen.json {
        tell(&pending, screen);
    }
    let question = format!("Let {} pass?", show::n_of(pending.len() as u64, "task"));
    if !args.yes && !screen.confirm(&question, "--yes")? {
        screen.note("nothing was approved");
        return Ok(Exit::Done);
    }
    let approval = approve(&client, &pending).await?;
    let exit = tell_approved(&approval, screen)?;
    client.act().await?;
    Ok(exit)
}

/// All that waits, page by page.
async fn preview(client: &Client, selection: &Selection) -> anyhow::Result<Vec<Pending>> {
    let mut all = Vec::new();
    let mut after: Option<TaskId> = None;
    loop {
        let query = query([("after", after.map(|id| id.to_string()))]);
        let page: PendingPage = client.post(&format!("/gates/preview{query}"), selection).await?;
        all.extend(page.pending);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Lets through exactly what was shown, in groups.
async fn approve(client: &Client, pending: &[Pending]) -> anyhow::Result<Approval> {
    let mut all = Approval::default();
    for group in pending.chunks(GROUP) {
        let shown: Vec<_> = group.iter().map(Shown::from).collect();
        let part: Approval = client.post("/gates/approve", &json!({"shown": shown})).await?;
        all.approved.extend(part.approved);
        all.not_approved.extend(part.not_approved);
    }
    Ok(all)
}

/// What to say where nothing waits at the gate that was meant: what waits at the other one.
async fn nothing(client: &Client, selection: &Selection) -> anyhow::Result<String> {
    if let Some(gate) = selection.gate {
        let other = match gate {
            GateName::Review => GateName::Approval,
            GateName::Approval => GateName::Review,
        };
        let there = Selection { gate: Some(other), ..selection.clone() };
        let n = preview(client, &there).await?.len() as u64;
        if n > 0 {
            let verb = if n == 1 { "waits" } else { "wait" };
            return Ok(format!(
                "Nothing of that waits at the gate {gate}, but {} {verb} at the gate {other}:\n    {}",
                show::n_of(n, "task"),
                command(&there, other)
            ));
        }
    }
    Ok("Nothing of that waits at a gate. What needs you: habeas request list --needs-me".to_owned())
}

/// The command that lets the same pass at a gate.
fn command(selection: &Selection, gate: GateName) -> String {
    let mut command = "habeas request approve".to_owned();
    match selection.ids.as_slice() {
        [] => command.push_str(" --all"),
        ids => command.push_str(&format!(" {}", ids.join(" "))),
    }
    command.push_str(&format!(" --gate {gate}"));
    if let Some(name) = &selection.connection {
        command.push_str(&format!(" --connection {name}"));
    }
    if let Some(right) = selection.right {
        command.push_str(&format!(" --right {}", right.word()));
    }
    command
}

/// Shows what is about to pass.
pub fn tell(pending: &[Pending], screen: Screen) {
    if pending.len() <= MOST_SHOWN {
        let common = common_effects(pending);
        for one in pending {
            screen.line(details(one, &common));
        }
    }
    screen.line(summary_table(pending));
    for ((right, way), effects) in common_effects(pending) {
        let way = way.map_or(String::new(), |way| format!(" as {way}"));
        screen.line(format!("What {right}{way} means, for each of them:"));
        for effect in effects {
            screen.line(format!("  - {effect}"));
        }
    }
    if pending.len() > MOST_SHOWN {
        let hindered = pending.iter().filter(|one| one.hindered.is_some()).count();
        let n_changed = pending.iter().filter(|one| !one.changes.is_empty()).count();
        screen.line(format!(
            "{n_changed} of them changed since an earlier approval; {hindered} can't be acted on now."
        ));
        screen.line("One in detail: habeas request show ID. The same as JSON: add --json.");
    }
}

/// What is about to pass, as one table, in words that need no knowledge of the vendor.
pub fn summary_table(pending: &[Pending]) -> String {
    let head = ["connection", "right", "what happens", "tasks", "profiles", "what goes out"];
    table(&head, summary(pending))
}

/// A right, and the vendor's word for the way it is carried out there.
type Way<'a> = (Right, Option<&'a str>);

/// The side effects that every task of a way has, said once.
fn common_effects(pending: &[Pending]) -> Vec<(Way<'_>, Vec<&str>)> {
    let mut common: Vec<(Way<'_>, Vec<&str>)> = Vec::new();
    for one in pending.iter().filter(|one| !one.side_effects.is_empty()) {
        // How data is read is no choice of anybody's; how it is changed is the vendor's own word.
        let variant = one.variant.as_deref().filter(|_| !one.right.only_reads());
        let way = (one.right, variant);
        let has = |effect: &&str| one.side_effects.iter().any(|own| own == effect);
        match common.iter_mut().find(|(known, _)| *known == way) {
            Some((_, effects)) => effects.retain(has),
            None => common.push((way, one.side_effects.iter().map(String::as_str).collect())),
        }
    }
    common
}

/// One task in full: what is sent, what else happens, what is left, what stands in the way.
fn details(one: &Pending, common: &[(Way<'_>, Vec<&str>)]) -> String {
    let late = if one.is_late { ", LATE" } else { "" };
    let mut lines = vec![format!(
        "{}  {} on {} for {}{late}",
        one.task, one.right, one.connection, one.request
    )];
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("    {name}: {text}"));
        }
    };
    if !one.scope.words().is_empty() {
        add("scope", show::list(one.scope.words()));
    }
    add("why it waits", one.why.clone());
    add("collected", one.collected.clone().unwrap_or_default());
    add("changed since approved", one.changes.join("; "));
    let known = one
        .identifiers
        .iter()
        .map(|view| format!("{} {} ({})", view.kind, view.masked, view.origin));
    add("the person", known.collect::<Vec<_>>().join(", "));
    if !one.right.only_reads() {
        add("way", one.variant.clone().unwrap_or_default());
    }
    let is_common =
        |effect: &String| common.iter().any(|(_, effects)| effects.contains(&effect.as_str()));
    let own: Vec<_> =
        one.side_effects.iter().filter(|effect| !is_common(effect)).cloned().collect();
    add("side effects of its own", own.join("; "));
    let by_hand = one.by_hand.iter().map(|work| format!("{}: {}", work.place, work.what));
    add("left to a person", by_hand.collect::<Vec<_>>().join("; "));
    if one.what == Passing::Act && !one.can_be_stopped {
        add("once sent", "the vendor can't stop it".to_owned());
    }
    if !one.open_accesses.is_empty() {
        add("waits for the open access", show::list(&one.open_accesses));
    }
    add("in the way", one.hindered.clone().unwrap_or_default());
    lines.join("\n")
}

/// One row per connection, right, and what passing means.
fn summary(pending: &[Pending]) -> Vec<Vec<String>> {
    let mut groups: Vec<(&Pending, Vec<&Pending>)> = Vec::new();
    for one in pending {
        let same = |first: &Pending| {
            (&first.connection, first.right, first.what, &first.variant)
                == (&one.connection, one.right, one.what, &one.variant)
        };
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, group)) => group.push(one),
            None => groups.push((one, vec![one])),
        }
    }
    let is_alone = |first: &Pending| {
        let same = |one: &&Pending| {
            (&one.connection, one.right, one.what) == (&first.connection, first.right, first.what)
        };
        pending.iter().filter(same).all(|one| one.variant == first.variant)
    };
    let row = |(first, group): (&Pending, Vec<&Pending>)| {
        let n_profiles: u32 = group.iter().filter_map(|one| one.n_profiles).sum();
        vec![
            first.connection.clone(),
            first.right.to_string(),
            match &first.variant {
                Some(variant) if !is_alone(first) => format!("{} ({variant})", what_happens(first)),
                _ => what_happens(first).to_owned(),
            },
            group.len().to_string(),
            n_profiles.to_string(),
            goes_out(first.what, &group),
        ]
    };
    groups.into_iter().map(row).collect()
}

fn what_happens(one: &Pending) -> &'static str {
    match (one.what, one.right) {
        (Passing::Begin, _) => "the search for the person begins",
        (Passing::Act, Right::Deletion) => "the person is deleted there, for good",
        (Passing::Act, Right::OptOut) => "the opt-out is recorded there",
        (Passing::Act, Right::OptIn) => "the opt-in is recorded there",
        (Passing::Act, _) => "it is carried out there",
        (Passing::Release, _) => "what was read there may go to the person",
    }
}

fn goes_out(what: Passing, group: &[&Pending]) -> String {
    match what {
        Passing::Begin => "-".to_owned(),
        Passing::Act => sends(group),
        Passing::Release => {
            let n_records = group.iter().map(|one| one.n_records).sum();
            let n_files = group.iter().map(|one| one.n_files).sum();
            format!("{} in {}", show::n_of(n_records, "record"), show::n_of(n_files, "file"))
        }
    }
}

fn sends(group: &[&Pending]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for sent in group.iter().flat_map(|one| &one.sends) {
        *counts.entry(sent.kind.to_string()).or_insert(0) += sent.n;
    }
    show::list(counts.iter().map(|(kind, n)| show::n_of(u64::from(*n), &kind.replace('_', " "))))
}

/// Tells what passed and what did not, and why not.
fn tell_approved(approval: &Approval, screen: Screen) -> anyhow::Result<Exit> {
    if screen.json {
        screen.json(approval)?;
    } else {
        screen.line(format!("{} passed.", show::n_of(approval.approved.len() as u64, "task")));
        for Stayed { task, why } in &approval.not_approved {
            screen.line(format!("{task} did not: {why}. See it: habeas request show {task}"));
        }
    }
    if approval.approved.is_empty() {
        return Err(Stop::refused("nothing passed").into());
    }
    Ok(Exit::left(!approval.not_approved.is_empty()))
}
