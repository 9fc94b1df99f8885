//! The last screen of the demo: what was found, done, confirmed, left to a person, and where the
//! packages lie.

use std::path::PathBuf;

use domain::{Instant, Outcome, Proof, RequestId, TaskState};
use engine::operator::Desk;
use engine::operator::import::BadRow;
use engine::operator::show::{RequestView, request_view};
use serde_json::{Value, json};

use super::cast::{Cast, Role};
use crate::open::Session;
use crate::screen::{Screen, table};
use crate::show::n_of;

/// How it ended.
pub struct Ending {
    acts: Vec<Act>,
    refused: Vec<(Role, String)>,
    packages: Vec<PathBuf>,
    days: u64,
    seconds: u64,
}

/// One request and what came of it.
struct Act {
    role: Role,
    view: RequestView,
}

impl Ending {
    /// Reads what came of every request.
    pub async fn read(
        session: &Session,
        cast: &Cast,
        requests: &[(usize, RequestId)],
        refused: &[BadRow],
        packages: &[PathBuf],
        (from, to): (Instant, Instant),
        took: jiff::SignedDuration,
    ) -> anyhow::Result<Self> {
        let mut acts = Vec::new();
        for (at, id) in requests {
            let desk = Desk { now: to, ..session.desk() };
            let view = request_view(&desk, *id, true).await?;
            acts.push(Act { role: cast.roles[*at].clone(), view });
        }
        let role_of =
            |row: u64| cast.roles.get(usize::try_from(row).ok()?.checked_sub(2)?).cloned();
        let refused = refused.iter().filter_map(|bad| {
            let faults: Vec<String> = bad.faults.iter().map(ToString::to_string).collect();
            Some((role_of(bad.row)?, faults.join("; ")))
        });
        // Until the last thing happened, whenever this is looked at.
        let all = acts.iter().flat_map(|act| &act.view.systems);
        let last = all.map(|system| system.since).max().unwrap_or(from);
        Ok(Self {
            acts,
            refused: refused.collect(),
            packages: packages.to_vec(),
            days: last.duration_since(from).as_hours().unsigned_abs() / 24,
            seconds: took.as_secs().unsigned_abs(),
        })
    }

    /// Whether a person has to do something.
    pub fn is_something_left(&self) -> bool {
        self.acts.iter().any(Act::is_left)
    }

    /// Commands worth trying, without the program's name.
    pub fn to_try(&self) -> Vec<String> {
        let mut commands = vec!["request list".to_owned()];
        let left = self.acts.iter().filter(|act| act.is_left());
        commands.extend(left.clone().take(2).map(|act| format!("request show {}", act.id())));
        commands.extend(left.filter_map(Act::command).take(1).map(str::to_owned));
        let first = self.acts.first();
        commands.extend(first.map(|act| format!("journal --request {}", act.id())));
        commands.push("connections list".to_owned());
        commands.push("journal --last 20".to_owned());
        commands
    }

    /// Leaves out the files that don't outlive the demo.
    pub fn forget_files(&mut self) {
        self.packages.clear();
    }

    /// The last screen, or the result as JSON. Commands stand there while they can be tried.
    pub fn show(&self, stays: bool, screen: Screen) -> anyhow::Result<()> {
        if screen.json {
            return screen.json(&self.as_json());
        }
        screen.line(format!(
            "\n{} passed on the vendor's clock, {} on yours. What came of it:\n",
            n_of(self.days, "day"),
            n_of(self.seconds, "second")
        ));
        let mut rows: Vec<Vec<String>> = self.acts.iter().map(Act::row).collect();
        let refused = self.refused.iter().map(|(role, why)| {
            vec![
                role.name.to_owned(),
                role.right.to_owned(),
                format!("refused at the import: {why}"),
                String::new(),
            ]
        });
        rows.extend(refused);
        screen.line(table(&["request", "right", "what came of it", "proof"], rows));
        self.tell_sums(screen);
        self.tell_left(stays, screen);
        for package in &self.packages {
            screen.line(format!("Package for the person: {}", package.display()));
        }
        Ok(())
    }

    fn tell_sums(&self, screen: Screen) {
        let n =
            |fits: &dyn Fn(&Act) -> bool| self.acts.iter().filter(|act| fits(act)).count() as u64;
        let found =
            n(&|act| act.view.systems.iter().any(|system| system.n_profiles.unwrap_or(0) > 0));
        let closed = n(&|act| act.view.asked.closing.is_some());
        let proof = |wanted: &str| {
            n(&|act| {
                act.view
                    .systems
                    .iter()
                    .filter_map(|system| system.proof.as_ref())
                    .any(|proof| proof.word() == wanted)
            })
        };
        screen.line(format!(
            "\nFound      {found} of {} people\n\
             Answered   {} closed\n\
             Confirmed  {} by looking again; {} said to be done and can't be proven, which is said too\n\
             Refused    {} of the file, before anybody was looked for",
            self.acts.len(),
            n_of(closed, "request"),
            proof("confirmed"),
            proof("unproven"),
            n_of(self.refused.len() as u64, "row"),
        ));
    }

    fn tell_left(&self, stays: bool, screen: Screen) {
        let left: Vec<&Act> = self.acts.iter().filter(|act| act.is_left()).collect();
        screen.line(format!(
            "Left       {} for a person, each with what to do:\n",
            n_of(left.len() as u64, "request")
        ));
        for act in left {
            screen.line(format!("  {}: {}", act.role.name, act.role.about));
            let advice = act.view.advice.iter().find(|advice| advice.command.is_some());
            if let Some(advice) = advice {
                let command = advice.command.as_deref().filter(|_| stays);
                let command = command.map(|command| format!(":\n      {command}"));
                screen.line(format!("      {}{}\n", advice.what, command.unwrap_or_default()));
            }
        }
    }

    fn as_json(&self) -> Value {
        let acts: Vec<Value> = self
            .acts
            .iter()
            .map(|act| {
                let systems: Vec<Value> = act
                    .view
                    .systems
                    .iter()
                    .map(|system| {
                        json!({
                            "task": system.task,
                            "system": system.name,
                            "state": system.state,
                            "outcome": system.outcome,
                            "proof": system.proof,
                        })
                    })
                    .collect();
                json!({
                    "name": act.role.name,
                    "about": act.role.about,
                    "request": act.id(),
                    "right": act.view.asked.right,
                    "state": act.view.asked.state,
                    "closed_as": act.view.asked.closing.as_ref().map(|closing| closing.how),
                    "systems": systems,
                    "is_left_for_a_person": act.is_left(),
                    "advice": act.view.advice,
                })
            })
            .collect();
        let refused: Vec<Value> =
            self.refused.iter().map(|(role, why)| json!({"name": role.name, "why": why})).collect();
        json!({
            "requests": acts,
            "refused_rows": refused,
            "packages": self.packages,
            "virtual_days": self.days,
            "seconds": self.seconds,
        })
    }
}

impl Act {
    fn id(&self) -> RequestId {
        self.view.asked.request
    }

    fn is_left(&self) -> bool {
        self.view.asked.closing.is_none()
    }

    /// The first thing to do about it, without the program's name.
    fn command(&self) -> Option<&str> {
        let command = self.view.advice.iter().find_map(|advice| advice.command.as_deref())?;
        command.strip_prefix("habeas ")
    }

    fn row(&self) -> Vec<String> {
        let systems = &self.view.systems;
        let outcomes = systems.iter().map(|system| match (&system.outcome, &system.hand) {
            (_, Some(work)) if system.state != TaskState::Ended => {
                format!("by hand, in {}: {}", work.place, work.what)
            }
            (Some(Outcome::Refuted { .. }), _) => {
                "refuted: the vendor says done, the person is still there".to_owned()
            }
            (Some(outcome), _) => outcome.to_string(),
            (None, _) => match &system.wait {
                Some(wait) => format!("{}: {}", system.state, wait.why),
                None => system.state.to_string(),
            },
        });
        let proofs =
            systems.iter().filter_map(|system| system.proof.as_ref()).map(Proof::to_string);
        vec![
            self.role.name.to_owned(),
            self.role.right.to_owned(),
            outcomes.collect::<Vec<_>>().join("\n"),
            proofs.collect::<Vec<_>>().join("\n"),
        ]
    }
}
