//! Checking a connection.

use connector_api::check::missing_required;
use connector_api::{Answer, Call, Flow, Report, Step, VendorError};
use domain::Right;
use domain::connection::{CheckReport, Verdict};
use serde_json::json;

use super::case::{Case, SPACE, answer, fixture, nobody, ok};

/// A workspace in which everything is granted.
fn good(call: &Call) -> Answer {
    assert!(call.raw, "a check sees refusals itself");
    match call.endpoint.name {
        "workspace" => ok(&fixture!("workspace.txt")),
        "destinations" => ok(&fixture!("destinations.txt")),
        "metadata" => nobody(),
        _ => ok(&json!({"data": {}})),
    }
}

fn report(case: &Case, vendor: impl Fn(&Call) -> Answer) -> CheckReport {
    match case.run(Flow::Check, &[], vendor).unwrap().step {
        Step::Done(Report::Checked(report)) => *report,
        other => panic!("not checked: {other:?}"),
    }
}

/// The same, but these endpoints refuse.
fn refusing<'a>(names: &'a [&str], status: u16) -> impl Fn(&Call) -> Answer + 'a {
    move |call| {
        if names.contains(&call.endpoint.name) {
            answer(status, &json!({"errors": []}))
        } else {
            good(call)
        }
    }
}

fn lacking(report: &CheckReport, right: Right) -> Option<&str> {
    let state = report.capabilities.iter().find(|it| it.right == right).unwrap();
    state.lacking.as_deref()
}

fn verdicts(report: &CheckReport) -> String {
    let lines: Vec<_> =
        report.permissions.iter().map(|it| format!("{}: {}", it.permission, it.verdict)).collect();
    lines.join(", ")
}

#[test]
fn a_good_connection_serves_every_right_and_knows_its_destinations() {
    let case = Case::new();
    let report = report(&case, good);
    assert_eq!(
        verdicts(&report),
        format!(
            "token: granted, workspace: granted, privacy: granted, sources: granted, spaces: granted, destinations: granted, profile in {SPACE}: granted, write_key: can't be tested without writing"
        )
    );
    assert!(report.capabilities.iter().all(|it| it.lacking.is_none()));
    assert_eq!(report.account.unwrap().name, "Example Retail (Production)");
    assert_eq!(
        report.facts["destinations"],
        json!([
            {"id": "fD2kLm8RtYx4QwZc6VbN9P", "name": "Amplitude prod", "source": "w8Zc4KfYtR6uJp2NbQxS1D", "can_delete": true},
            {"id": "gA4wEb7RtYx4QwZc6VbN9P", "name": "Google Analytics 4 Web", "source": "w8Zc4KfYtR6uJp2NbQxS1D", "can_delete": false},
        ])
    );
    assert_eq!(report.notes, ["destinations that can't delete: Google Analytics 4 Web"]);
    insta::assert_snapshot!("calls_of_a_check", case.sent.borrow().join("\n"));
}

#[test]
fn a_token_that_is_not_taken_may_be_wrong_or_of_the_other_region_and_nothing_else_is_asked() {
    for status in [401, 403] {
        let case = Case::new();
        let report = report(&case, refusing(&["workspace"], status));
        assert_eq!(case.sent.borrow().len(), 1);
        let missing = missing_required(&report);
        assert_eq!(missing[0].permission, "token");
        assert!(missing[0].grant.contains("Access management ▸ Tokens"));
        assert!(report.notes[0].contains("US region") && report.notes[0].contains("other region"));
        assert!(lacking(&report, Right::Deletion).is_some());
    }
}

#[test]
fn a_token_of_another_workspace_is_told_with_both_ids() {
    let case = Case::new().set("workspace_id", json!("the-one-we-meant"));
    let report = report(&case, good);
    let missing = missing_required(&report);
    assert_eq!(missing[0].permission, "workspace");
    assert!(
        missing[0].lost.contains("kQ7mVxT3RbN9sYw2LdJp5H")
            && missing[0].lost.contains("the-one-we-meant")
    );
    assert!(report.notes.is_empty(), "it is told once");
    assert_eq!(case.sent.borrow().len(), 1);
}

#[test]
fn each_missing_permission_is_named_with_what_is_lost() {
    for status in [401, 403] {
        for endpoint in ["regulations", "suppressions"] {
            let report = report(&Case::new(), refusing(&[endpoint], status));
            let missing = missing_required(&report);
            assert_eq!((missing.len(), missing[0].permission.as_str()), (1, "privacy"));
            assert!(missing[0].grant.contains("End User Privacy Admin"));
            assert!(lacking(&report, Right::Deletion).is_some());
            assert!(lacking(&report, Right::Access).is_none());
        }
    }
    for name in ["sources", "destinations", "spaces"] {
        let report = report(&Case::new(), refusing(&[name], 401));
        assert!(missing_required(&report).is_empty(), "{name} is optional");
        let result = report.permissions.iter().find(|it| it.permission == name).unwrap();
        assert_eq!(result.verdict, Verdict::Missing);
        assert!(!result.lost.is_empty() && !result.grant.is_empty());
    }
}

#[test]
fn a_space_that_was_not_entered_is_told() {
    let report = report(&Case::new(), |call| match call.endpoint.name {
        "spaces" => ok(&json!({"data": {"spaces": [
            {"id": SPACE, "slug": "prod", "name": "Production"},
            {"id": "spa_dev", "slug": "dev", "name": "Development"},
        ], "pagination": {"current": "MA=="}}})),
        _ => good(call),
    });
    let about: Vec<_> = report.notes.iter().filter(|it| it.contains("not entered")).collect();
    assert_eq!(about.len(), 1);
    assert!(about[0].contains("spa_dev (Development)"));
}

#[test]
fn a_bad_profile_token_costs_its_space_only() {
    let case = Case::new().with_space("spa_2");
    let report = report(&case, |call| {
        if call.limit_of == "spa_2" { answer(401, &json!({"error": {}})) } else { good(call) }
    });
    assert!(missing_required(&report).is_empty());
    let of_space = report.permissions.iter().find(|it| it.lost.contains("spa_2")).unwrap();
    assert_eq!(
        (of_space.permission.as_str(), of_space.verdict),
        ("profile in spa_2", Verdict::Missing)
    );
    assert_eq!(lacking(&report, Right::Access), None);
    let mut case = case;
    case.check = Some(report);
    let spaces = case.with_context(|it| crate::segment::settings::readable_spaces(it).join(","));
    assert_eq!(spaces, SPACE, "later steps leave it out");
}

#[test]
fn without_the_profile_api_it_says_plainly_what_cant_be_done() {
    let report = report(&Case::new().blind(), good);
    assert!(missing_required(&report).is_empty());
    assert!(report.notes[0].contains("only known user ids can be deleted or suppressed"));
    assert!(lacking(&report, Right::Access).unwrap().contains("profile token"));
    assert_eq!(lacking(&report, Right::Deletion), None);
    assert_eq!(lacking(&report, Right::OptOut), None, "suppression is left");
}

#[test]
fn an_opt_out_that_was_asked_for_and_is_not_possible_is_off() {
    let case = Case::new().without("write_key").set("opt_out_by", json!("consent_event"));
    let report = report(&case, good);
    let why = lacking(&report, Right::OptOut).unwrap();
    assert!(why.contains("the write key of a source"));
    assert_eq!(lacking(&report, Right::OptIn), Some(why));
}

#[test]
fn a_passing_fault_is_no_missing_permission() {
    for status in [429, 500] {
        let error = Case::new().run(Flow::Check, &[], refusing(&["sources"], status)).unwrap_err();
        assert!(matches!(error, VendorError::Throttled { .. } | VendorError::Transient { .. }));
    }
}

#[test]
fn more_destinations_are_read_page_by_page() {
    let case = Case::new();
    let report = report(&case, |call| {
        let is_first = !call.query.iter().any(|(key, _)| key == "pagination.cursor");
        let mut answer = fixture!("destinations.txt");
        if call.endpoint.name == "destinations" && is_first {
            answer["data"]["pagination"]["next"] = json!("Mg==");
            return ok(&answer);
        }
        good(call)
    });
    assert_eq!(report.facts["destinations"].as_array().unwrap().len(), 4);
    assert!(case.sent.borrow().last().unwrap().contains("pagination.cursor=Mg=="));
}

#[test]
fn identify_says_what_the_token_leads_to_now() {
    let turn = Case::new().run(Flow::Identify, &[], |_| ok(&fixture!("workspace.txt"))).unwrap();
    assert!(
        matches!(turn.step, Step::Done(Report::Identified(account)) if account.id == "kQ7mVxT3RbN9sYw2LdJp5H")
    );
}
