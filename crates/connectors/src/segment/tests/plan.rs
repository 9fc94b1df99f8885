//! What would be done.

use connector_api::flow::Planned;
use connector_api::{Located, Subject};
use domain::IdentifierKind::{self, AnonymousId, Email, Phone, UserId};
use domain::plan::HandWork;
use domain::{Origin, Plan, Right, Scope};
use serde_json::json;

use super::case::{Case, SPACE, UnwrapPlan};
use crate::segment::flows::NO_USER_ID;

fn searched(n_profiles: u32) -> Located {
    Located { n_profiles, searched: vec![SPACE.into()], ..Located::default() }
}

fn without_user_id(n_profiles: u32) -> Located {
    let work = HandWork { place: SPACE.into(), what: NO_USER_ID.into() };
    Located { by_hand: vec![work], ..searched(n_profiles) }
}

fn kinds(items: &[domain::plan::PlanItem]) -> Vec<String> {
    items.iter().map(|it| format!("{} in {}", it.kind, it.places.join("+"))).collect()
}

fn person(case: &Case) -> Subject {
    case.subject(vec![
        case.found(Email, "ana@example.com", &[SPACE]),
        case.found(UserId, "cust-10045", &[SPACE]),
        case.found(AnonymousId, "23adfd82", &[SPACE]),
    ])
}

#[test]
fn a_deletion_regulates_user_ids_and_is_confirmed_by_every_identifier() {
    let case = Case::new();
    let plan = case.plan(Right::Deletion, &person(&case), &searched(1)).unwrap_plan();
    assert_eq!(plan.variant, "SUPPRESS_WITH_DELETE");
    assert_eq!(kinds(&plan.acts_on), [format!("user_id in {SPACE}")]);
    assert_eq!(plan.confirms_by.len(), 3);
    assert_eq!((plan.weight.items, plan.weight.bytes), (1, 13), "\"cust-10045\",");
    assert!(!plan.can_be_stopped);
}

#[test]
fn every_way_of_deleting_states_its_side_effects() {
    let facts = json!({"knows_destinations": true, "destinations": [
        {"id": "d1", "name": "Amplitude prod", "source": "s", "can_delete": true},
        {"id": "d2", "name": "Google Analytics 4 Web", "source": "s", "can_delete": false},
    ]});
    for variant in crate::segment::settings::DELETION_TYPES {
        let case = Case::new().set("deletion_type", json!(variant)).checked(facts.clone());
        let plan = case.plan(Right::Deletion, &person(&case), &searched(1)).unwrap_plan();
        assert_eq!(plan.account, "kQ7mVxT3RbN9sYw2LdJp5H");
        insta::assert_snapshot!(format!("side_effects_{variant}"), plan.side_effects.join("\n"));
    }
}

#[test]
fn a_user_id_that_somebody_vouches_for_is_regulated_without_a_profile() {
    let case = Case::new();
    let subject =
        case.subject(vec![case.given(UserId, "Cust-1"), case.given(Email, "a@example.com")]);
    let plan = case.plan(Right::Deletion, &subject, &searched(0)).unwrap_plan();
    assert_eq!(kinds(&plan.acts_on), ["user_id in "]);
    assert_eq!(
        kinds(&plan.confirms_by),
        ["user_id in "],
        "an e-mail that nobody knows proves nothing"
    );
    assert!(
        plan.side_effects.last().unwrap().starts_with("1 of the user ids is known in no space")
    );
}

#[test]
fn a_user_id_of_another_system_is_used_only_where_nobody_can_look() {
    let other = |case: &Case| {
        let mut it = case.found(UserId, "u1", &[]);
        it.origin = Origin::Found {
            connection: domain::ConnectionId::new(&Seven),
            task: domain::TaskId::new(&Seven),
            round: 1,
        };
        case.subject(vec![it])
    };
    let case = Case::new();
    assert_eq!(case.plan(Right::Deletion, &other(&case), &searched(0)), Planned::Nothing);
    let blind = Case::new().blind();
    let plan = blind.plan(Right::Deletion, &other(&blind), &Located::default()).unwrap_plan();
    assert_eq!(plan.acts_on.len(), 1);
}

struct Seven;

impl domain::id::IdSource for Seven {
    fn next(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(7)
    }
}

#[test]
fn an_email_is_never_a_user_id() {
    let case = Case::new().blind();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    let planned = case.plan(Right::Deletion, &subject, &Located::default());
    assert_eq!(planned, Planned::Needs(vec![UserId]));
}

#[test]
fn nobody_known_where_we_searched_is_nothing_found() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    for right in [Right::Deletion, Right::Access, Right::OptOut] {
        assert_eq!(case.plan(right, &subject, &searched(0)), Planned::Nothing, "{right}");
    }
    let subject = case.subject(vec![case.given(IdentifierKind::Cookie, "c")]);
    let planned = case.plan(Right::Deletion, &subject, &Located::default());
    assert!(matches!(planned, Planned::Needs(kinds) if kinds.contains(&Email)));
}

#[test]
fn a_profile_without_user_id_leaves_work_by_hand_and_nothing_to_send() {
    let case = Case::new();
    let subject = case.subject(vec![case.found(Email, "a@example.com", &[SPACE])]);
    let plan = case.plan(Right::Deletion, &subject, &without_user_id(1)).unwrap_plan();
    assert!(plan.acts_on.is_empty() && plan.confirms_by.is_empty());
    assert_eq!(plan.by_hand.len(), 1);
    // A copy can be made of it all the same.
    let plan = case.plan(Right::Access, &subject, &without_user_id(1)).unwrap_plan();
    assert_eq!((plan.acts_on.len(), plan.by_hand.len()), (1, 0));
}

/// A profile whose only user id is a placeholder: the engine leaves it out of the identifiers.
#[test]
fn a_profile_that_nobody_may_act_on_is_not_nothing_found() {
    let case = Case::new();
    let subject = case.subject(vec![case.given(Email, "a@example.com")]);
    for right in [Right::Deletion, Right::Access, Right::OptOut] {
        let plan = case.plan(right, &subject, &searched(1)).unwrap_plan();
        assert!(plan.acts_on.is_empty() && !plan.by_hand.is_empty(), "{right}");
    }
}

#[test]
fn a_consent_event_acts_on_found_profiles_only() {
    let case = Case::new();
    let mut subject = person(&case);
    subject.identifiers.push(case.given(UserId, "vouched-but-unknown"));
    let plan = case.plan(Right::OptOut, &subject, &searched(1)).unwrap_plan();
    assert_eq!(plan.variant, "consent_event");
    assert_eq!(kinds(&plan.acts_on), [format!("user_id in {SPACE}")]);
    assert!(plan.side_effects[0].contains("C0002, C0004 are recorded as refused"));
    assert_eq!(plan.by_hand.len(), 2, "targeted advertising and sensitive use have no category");
    let plan = case.plan(Right::OptOut, &person(&case), &without_user_id(2)).unwrap_plan();
    assert_eq!(plan.acts_on.len(), 2, "the anonymous id reaches the profile without user id");
}

#[test]
fn a_scope_without_category_is_never_sent() {
    let case = Case::new();
    let scope = Scope::parse(Right::OptOut, "sensitive_use").unwrap();
    let plan = case.plan_in(Right::OptOut, &scope, &person(&case), &searched(1)).unwrap_plan();
    assert!(plan.acts_on.is_empty());
    assert!(plan.by_hand[0].what.contains("consent_categories.sensitive_use"));
}

#[test]
fn suppression_is_the_way_where_the_consent_event_is_not_possible() {
    for case in [
        Case::new().without("write_key"),
        Case::new().set("consent_categories", json!({})),
        Case::new().set("opt_out_by", json!("suppress_only")),
    ] {
        let plan = case.plan(Right::OptOut, &person(&case), &searched(1)).unwrap_plan();
        assert_eq!(plan.variant, "SUPPRESS_ONLY");
        assert_eq!(plan.acts_on, plan.confirms_by);
        assert!(plan.side_effects.iter().any(|it| it.contains("stops all collection")));
        let plan = case.plan(Right::OptIn, &person(&case), &searched(1)).unwrap_plan();
        assert_eq!(plan.variant, "UNSUPPRESS");
    }
    let asked = Case::new().without("write_key").set("opt_out_by", json!("consent_event"));
    let plan = asked.plan(Right::OptOut, &person(&asked), &searched(1)).unwrap_plan();
    assert!(plan.acts_on.is_empty() && plan.by_hand[0].what.contains("write key"));
}

#[test]
fn the_same_person_gives_the_same_plan() {
    let case = Case::new();
    let subject = person(&case);
    let plan = |right| -> Plan { case.plan(right, &subject, &searched(1)).unwrap_plan() };
    let before = plan(Right::OptOut).digest();
    assert_eq!(before, plan(Right::OptOut).digest());
}

#[test]
fn identifiers_sighted_earlier_count_without_a_new_search() {
    let case = Case::new();
    let subject = case.subject(vec![case.found(UserId, "u", &[SPACE]), case.given(Phone, "+1")]);
    let plan = case.plan(Right::Deletion, &subject, &searched(1)).unwrap_plan();
    assert_eq!(kinds(&plan.confirms_by), [format!("user_id in {SPACE}")]);
}
