//! The command line as a whole: consistent, and every command reachable.

use clap::{CommandFactory, Parser};

use super::{Cli, reference};

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_command_parses() {
    for line in [
        "demo --once",
        "explain E-REQ-016",
        "twins --json --port-base 7800 --people 20 --seed 2 --regular-only --limits off --latency-ms 2",
        "twins --limits",
        "connect segment --name a --set region=eu --set spaces=x,y --set secrets.token=env:T --yes",
        "connect segment --file habeas.toml",
        "connect segment --twin twins.json",
        "config plan habeas.toml --prune",
        "config apply habeas.toml --prune --yes",
        "config export",
        "config export habeas.toml --force",
        "connections list",
        "connections test segment-eu",
        "connections set segment-eu mode=act guard=5000 until=2026-12-31",
        "connections remove segment-eu --yes",
        "request new --right deletion --email someone",
        "request list --json",
        "request show req_0 --reveal",
        "request approve --all --gate approval --connection segment-eu --yes",
        "request approve tsk_1 tsk_2",
        "request deny req_1 --note no",
        "request cancel req_1",
        "request add-identifier req_1 user_id value",
        "request answer req_1 --note told",
        "request watch req_1",
        "request reopen req_1 --note again",
        "task settle tsk_1 done --note checked",
        "task settle tsk_1 skip --note unneeded",
        "task retry tsk_1",
        "import requests.csv --dry-run --phone-region DE --result out.csv",
        "package req_1 --out a.zip",
        "journal --request req_1 --last 20 --json",
        "pause --all",
        "pause segment-eu",
        "resume --all",
        "serve --clock http://127.0.0.1:1",
        "settings list",
        "settings set respond_within 45",
        "principals list",
        "principals add ann --role approver --role auditor --brand shop --program",
        "principals set ann --role auditor --all-brands",
        "principals disable ann",
        "principals enable ann",
        "tokens list ann",
        "tokens add ann --label laptop --days 30 --role auditor --brand shop",
        "tokens revoke tok_01",
        "notices list --open",
        "webhooks list",
        "webhooks add desk --to https://example.org/hook --event job.overdue --brand shop",
        "webhooks set desk --allow-private",
        "webhooks rotate desk --overlap-hours 2",
        "webhooks deliveries desk --dead --limit 9",
        "webhooks replay desk --seq 7",
        "version",
    ] {
        let words = std::iter::once("habeas").chain(line.split(' '));
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_does_not_fit_is_a_usage_error() {
    for line in [
        "",
        "frobnicate",
        "pause",
        "journal --last 0",
        "task settle tsk_1 maybe --note x",
        "task settle tsk_1 done",
        "principals add ann",
        "principals add ann --role boss",
        "principals set ann --brand shop --all-brands",
        "tokens add ann",
    ] {
        let words = std::iter::once("habeas").chain(line.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}

#[test]
fn the_page_of_every_command_is_what_the_program_says() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli/reference.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    assert!(page == reference::page(), "docs/cli/reference.md is stale: cargo xtask docs");
}
