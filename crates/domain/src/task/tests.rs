//! The state machine: its table in the docs, its exits, and what an approval holds.

use proptest::prelude::*;

use super::*;
use crate::id::TimedIds;
use crate::journal::Actor;
use crate::plan::Weight;
use crate::{Gate, Plan, Scope};

const NOW: Instant = Instant::UNIX_EPOCH;

fn task(state: TaskState) -> Task {
    let ids = TimedIds::new(|| NOW, || [3; 8]);
    let mut task = Task::for_connection(
        TaskId::new(&ids),
        RequestId::new(&ids),
        Right::Deletion,
        ConnectionId::new(&ids),
        Gate::Auto,
        NOW,
    );
    task.enter(state, NOW);
    task
}

fn plan(task: &Task, n_profiles: u32) -> Plan {
    Plan {
        connection: task.connection.unwrap(),
        account: "acct".into(),
        right: task.right,
        scope: Scope::default(),
        variant: "DELETE".into(),
        acts_on: vec![],
        confirms_by: vec![],
        n_profiles,
        side_effects: vec![],
        by_hand: vec![],
        weight: Weight::default(),
        can_be_stopped: false,
        settings: Digest::of(b"settings"),
    }
}

fn approval(digest: Digest) -> Approval {
    Approval { by: "ops".into(), at: NOW, digest }
}

/// A command for each word of the table.
fn commands(task: &Task) -> Vec<Command> {
    let digest = task.findings.plan().map_or_else(|| Digest::of(b""), Plan::digest);
    let outcome = Outcome::Done { counts: String::new() };
    let plan = Box::new(plan(task, 1));
    vec![
        Command::PassReview,
        Command::MakePlan { plan: plan.clone(), found: Found::default() },
        Command::LackIdentifier { needs: vec![IdentifierKind::UserId], found: Found::default() },
        Command::FindNothing { found: Found::default() },
        Command::AskApproval { why: "gate".into(), outcome: None },
        Command::Approve(approval(digest)),
        Command::Release(approval(digest)),
        Command::ChangePlan { plan, changes: vec!["x".into()] },
        Command::Submit { until: None, counts_early: false },
        Command::LookAgain { outcome: outcome.clone(), at: NOW },
        Command::End { outcome, proof: None, recheck_at: None },
        Command::AskPerson { why: "?".into(), outcome: None },
        Command::Retry,
        Command::Reappear,
        Command::AddIdentifier,
        Command::Settle { by: "ops".into(), done: true, note: String::new() },
        Command::Cancel,
    ]
}

/// The table as the docs show it.
fn table() -> String {
    let mut out = String::from("| state | command | next state |\n| --- | --- | --- |\n");
    for state in TaskState::ALL {
        for word in Command::WORDS {
            if let Some(to) = next(*state, word) {
                out.push_str(&format!("| {state} | {word} | {to} |\n"));
            }
        }
    }
    out
}

#[test]
fn the_docs_show_the_table_of_the_code() {
    let docs = include_str!("../../../../docs/states.md");
    assert!(docs.contains(&table()), "docs/states.md should hold:\n\n{}", table());
}

#[test]
fn every_command_has_a_word_of_the_table() {
    let words: Vec<_> = commands(&task(TaskState::Locating)).iter().map(Command::word).collect();
    assert_eq!(words, Command::WORDS);
}

#[test]
fn no_state_is_without_an_exit_and_every_state_can_reach_the_end() {
    for start in TaskState::ALL {
        let mut seen = vec![*start];
        let mut i = 0;
        while i < seen.len() {
            for word in Command::WORDS {
                match next(seen[i], word) {
                    Some(to) if !seen.contains(&to) => seen.push(to),
                    _ => {}
                }
            }
            i += 1;
        }
        assert!(seen.contains(&TaskState::Ended), "{start} never ends");
        assert!(*start == TaskState::Ended || seen.len() > 1, "{start} has no exit");
    }
}

#[test]
fn an_approval_of_another_plan_is_refused() {
    let locating = task(TaskState::Locating);
    let command = Command::MakePlan { plan: Box::new(plan(&locating, 1)), found: Found::default() };
    let (planned, _) = locating.apply(command, &Actor::Engine, NOW).unwrap();
    let other = plan(&planned, 2).digest();
    let refused = planned.apply(Command::Approve(approval(other)), &Actor::Engine, NOW);
    assert_eq!(refused.unwrap_err(), Refused::OtherPlan);
    let same = plan(&planned, 1).digest();
    let (acting, _) = planned.apply(Command::Approve(approval(same)), &Actor::Engine, NOW).unwrap();
    assert!(acting.approval_holds());
}

#[test]
fn a_sent_deletion_can_not_be_cancelled() {
    for state in [TaskState::Waiting, TaskState::Confirming] {
        assert!(task(state).apply(Command::Cancel, &Actor::Engine, NOW).is_err());
    }
}

#[test]
fn an_identifier_that_comes_while_the_vendor_works_opens_a_round_afterwards() {
    let waiting = task(TaskState::Waiting);
    let (waiting, _) = waiting.apply(Command::AddIdentifier, &Actor::Engine, NOW).unwrap();
    assert_eq!((waiting.state, waiting.round), (TaskState::Waiting, 1));
    let end = Command::End {
        outcome: Outcome::Done { counts: String::new() },
        proof: None,
        recheck_at: None,
    };
    let (next, _) = waiting.apply(end, &Actor::Engine, NOW).unwrap();
    assert_eq!((next.state, next.round), (TaskState::Locating, 2));
}

proptest! {
    #[test]
    fn whatever_is_said_to_a_task_it_stays_sound(choices in prop::collection::vec(0usize..17, 0..40)) {
        let mut task = task(TaskState::Reviewing);
        for choice in choices {
            let command = commands(&task).swap_remove(choice);
            let Ok((moved, entry)) = task.apply(command, &Actor::Engine, NOW) else { continue };
            prop_assert!(moved.state != TaskState::Ended || moved.detail.outcome.is_some());
            prop_assert!(moved.round >= task.round);
            // Whatever is neither over nor the engine's says why it waits and for whom.
            let is_engines = moved.due_at.is_some();
            prop_assert!(is_engines || moved.is_over() || moved.detail.wait.is_some(), "{moved:?}");
            if moved.state == TaskState::Acting && entry.facts["by"] == "approve" {
                prop_assert!(moved.approval_holds());
            }
            task = moved;
        }
    }
}
