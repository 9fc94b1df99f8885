//! The table of roles in the docs, what separates the roles, and how reaches meet.

use proptest::prelude::*;

use super::*;

/// The table as the docs show it.
fn table() -> String {
    let roles: Vec<_> = Role::ALL.iter().map(|role| role.word()).collect();
    let mut out = format!("| permission | {} |\n", roles.join(" | "));
    out.push_str(&format!("| --- |{}\n", " --- |".repeat(roles.len())));
    for permission in Permission::ALL {
        let cell = |role: &Role| if role.allows(*permission) { "yes" } else { "-" };
        let cells: Vec<_> = Role::ALL.iter().map(cell).collect();
        out.push_str(&format!("| `{permission}` | {} |\n", cells.join(" | ")));
    }
    out
}

fn allowed(role: Role) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| role.allows(*permission)).collect()
}

fn brands(names: &[&str]) -> Reach {
    Reach::Brands(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn the_docs_show_the_table_of_the_code() {
    let docs = include_str!("../../../../docs/permissions.md");
    assert!(docs.contains(&table()), "docs/permissions.md should hold:\n\n{}", table());
}

#[test]
fn an_auditor_reads_everything_but_values_in_plain_and_changes_nothing() {
    let reading: Vec<_> =
        Permission::ALL.iter().copied().filter(|one| one.word().ends_with(".read")).collect();
    assert_eq!(allowed(Role::Auditor), reading);
}

#[test]
fn who_enters_a_request_does_not_let_it_through_and_who_lets_it_through_enters_none() {
    assert!(!Role::RequestManager.allows(Permission::RequestsApprove));
    assert!(!Role::Approver.allows(Permission::RequestsWrite));
    assert!(!Role::Approver.allows(Permission::RequestsReveal));
}

#[test]
fn who_manages_connections_sees_no_request() {
    let words: Vec<_> =
        allowed(Role::ConnectionsManager).iter().map(|permission| permission.word()).collect();
    assert!(words.iter().all(|word| !word.starts_with("requests.")), "{words:?}");
    assert!(!Role::ConnectionsManager.allows(Permission::JournalRead), "it names requests");
}

#[test]
fn only_a_super_admin_says_who_may_do_what() {
    let may = Role::ALL.iter().filter(|role| role.allows(Permission::PrincipalsWrite));
    assert_eq!(may.copied().collect::<Vec<_>>(), [Role::SuperAdmin]);
    assert_eq!(allowed(Role::SuperAdmin), Permission::ALL);
}

#[test]
fn a_request_without_a_brand_lies_outside_every_reach_of_brands() {
    assert!(Reach::All.covers(None));
    assert!(!brands(&["a"]).covers(None));
    assert!(brands(&["a"]).covers(Some("a")));
    assert!(brands(&["Shop"]).covers(Some("shOP")), "as routing compares brands");
    assert!(!brands(&["sh%"]).covers(Some("shop")));
    assert!(!brands(&[]).covers(Some("a")), "no brand is not every brand");
}

#[test]
fn nobody_gives_a_role_or_a_reach_that_they_do_not_have() {
    let all = Role::every();
    let auditor = BTreeSet::from([Role::Auditor]);
    let admin = BTreeSet::from([Role::SuperAdmin]);
    for (roles, reach, given_roles, given_reach, may) in [
        (&admin, Reach::All, &all, Reach::All, true),
        (&admin, Reach::All, &auditor, brands(&["a"]), true),
        (&admin, brands(&["a"]), &auditor, brands(&["a"]), true),
        (&admin, brands(&["a"]), &auditor, Reach::All, false),
        (&admin, brands(&["a"]), &auditor, brands(&["a", "b"]), false),
        (&auditor, Reach::All, &auditor, Reach::All, true),
        (&auditor, Reach::All, &admin, Reach::All, false),
    ] {
        let told = format!("{roles:?} {reach:?} {given_roles:?} {given_reach:?}");
        assert_eq!(may_give(roles, &reach, given_roles, &given_reach), may, "{told}");
    }
}

#[test]
fn a_reach_is_written_as_a_word_or_a_list() {
    let written = |reach: &Reach| serde_json::to_string(reach).unwrap();
    assert_eq!(written(&Reach::All), r#""all""#);
    assert_eq!(written(&brands(&["b", "a"])), r#"{"brands":["a","b"]}"#);
}

fn any_reach() -> impl Strategy<Value = Reach> {
    let set = prop::collection::btree_set("[a-dA-D]", 0..4);
    prop_oneof![Just(Reach::All), set.prop_map(Reach::Brands)]
}

proptest! {
    #[test]
    fn what_two_reaches_share_is_what_both_cover(one in any_reach(), other in any_reach()) {
        let both = one.and(&other);
        for brand in [None, Some("a"), Some("b"), Some("c"), Some("d")] {
            prop_assert_eq!(both.covers(brand), one.covers(brand) && other.covers(brand));
        }
        prop_assert!(one.includes(&both) && other.includes(&both));
        let other_way = other.and(&one);
        prop_assert!(both.includes(&other_way) && other_way.includes(&both));
    }
}
