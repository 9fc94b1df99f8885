//! A person who is bound to a brand neither finds, lists, lets through nor enters another's request.

use std::collections::BTreeSet;

use domain::Reach;
use store::RequestFilter;

use super::*;
use crate::operator::approve::{self, Selection};
use crate::operator::draft::Draft;
use crate::operator::intake::{self, TakenIn};
use crate::operator::office::{Office, draft, office};

fn bound<'a>(office: &'a Office, brand: &str) -> Desk<'a> {
    Desk { reach: Reach::Brands(BTreeSet::from([brand.to_owned()])), ..office.desk() }
}

fn of_brand(brand: Option<&str>, email: &str, external_id: &str) -> Draft {
    Draft {
        brand: brand.map(str::to_owned),
        external_id: Some(external_id.to_owned()),
        ..draft("deletion", email)
    }
}

async fn enter(desk: &Desk<'_>, draft: Draft) -> RequestId {
    match intake::submit(desk, &[draft], None).await.unwrap().remove(0) {
        Ok(TakenIn { request, is_new: true }) => request,
        other => panic!("not taken in: {other:?}"),
    }
}

fn is_missing<T>(found: &Result<T, OperatorError>) -> bool {
    matches!(found, Err(OperatorError::NotFound { .. }))
}

#[tokio::test]
async fn a_request_of_another_brand_is_not_found_by_any_of_its_names() {
    let office = office().await;
    let connection = office.connection().await;
    let desk = bound(&office, "shop");
    let own = enter(&office.desk(), of_brand(Some("Shop"), "a@example.com", "T-1")).await;
    let other = enter(&office.desk(), of_brand(Some("other"), "b@example.com", "T-2")).await;
    let none = enter(&office.desk(), of_brand(None, "c@example.com", "T-3")).await;
    assert_eq!(request(&desk, "T-1").await.unwrap(), own);
    assert_eq!(request(&desk, &own.to_string()).await.unwrap(), own);
    // The beginning that all three share names the one within reach.
    assert_eq!(request(&desk, "req_").await.unwrap(), own);
    for text in ["T-2", "T-3", &other.to_string(), &none.to_string()] {
        assert!(is_missing(&request(&desk, text).await), "{text}");
    }
    assert_eq!(request(&office.desk(), "T-2").await.unwrap(), other);
    let own_task = office.planned(own, &connection).await;
    let other_task = office.planned(other, &connection).await;
    assert_eq!(task(&desk, &own_task.to_string()).await.unwrap(), own_task);
    assert_eq!(task(&desk, "tsk_").await.unwrap(), own_task);
    assert!(is_missing(&task(&desk, &other_task.to_string()).await));
}

#[tokio::test]
async fn a_request_of_another_brand_is_neither_listed_nor_let_through() {
    let office = office().await;
    let connection = office.connection().await;
    let desk = bound(&office, "shop");
    let own = enter(&office.desk(), of_brand(Some("shop"), "a@example.com", "T-1")).await;
    let other = enter(&office.desk(), of_brand(Some("other"), "b@example.com", "T-2")).await;
    let own_task = office.planned(own, &connection).await;
    let other_task = office.planned(other, &connection).await;
    let filter = RequestFilter { brands: desk.reach.brands().cloned(), ..Default::default() };
    let listed = office.store.requests(&filter, None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [own]);
    let all = approve::preview(&office.desk(), &Selection::default()).await.unwrap();
    assert_eq!(all.len(), 2);
    let shown = approve::preview(&desk, &Selection::default()).await.unwrap();
    assert_eq!(shown.iter().map(|one| one.task).collect::<Vec<_>>(), [own_task]);
    let named = Selection { ids: vec![other.to_string()], ..Selection::default() };
    assert!(is_missing(&approve::preview(&desk, &named).await));
    // What somebody else was shown does not help either.
    let approved = approve::approve(&desk, &all).await.unwrap();
    let through: Vec<_> =
        approved.iter().filter(|one| one.not.is_none()).map(|one| one.task).collect();
    assert_eq!(through, [own_task]);
    assert_eq!(office.load(other_task).await.state, domain::TaskState::Approving);
}

#[tokio::test]
async fn a_request_is_entered_for_own_brands_only() {
    let office = office().await;
    let desk = bound(&office, "shop");
    for brand in [None, Some("other"), Some("")] {
        let taken = intake::submit(&desk, &[of_brand(brand, "a@example.com", "T-1")], None).await;
        let faults = taken.unwrap().remove(0).unwrap_err();
        let told: Vec<_> = faults.iter().map(|one| (&*one.field, one.code.to_string())).collect();
        assert_eq!(told, [("brand", "E-REQ-044".to_owned())], "{brand:?}");
    }
    enter(&desk, of_brand(Some("SHOP"), "a@example.com", "T-1")).await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_not_named_where_it_is_of_another_brand() {
    let office = office().await;
    let other = enter(&office.desk(), of_brand(Some("other"), "a@example.com", "T-1")).await;
    let desk = bound(&office, "shop");
    for again in ["T-1", "T-2"] {
        let drafts = [of_brand(Some("shop"), "a@example.com", again)];
        let faults = intake::submit(&desk, &drafts, None).await.unwrap().remove(0).unwrap_err();
        let told = faults[0].to_string();
        assert!(told.contains("a request of another brand"), "{told}");
        assert!(!told.contains(&other.to_string()), "{told}");
    }
}

#[tokio::test]
async fn a_gate_does_not_tell_of_the_same_person_at_another_brand() {
    let office = office().await;
    let connection = office.connection().await;
    let own = enter(&office.desk(), of_brand(Some("shop"), "a@example.com", "T-1")).await;
    office.planned(own, &connection).await;
    let other = Draft { right: "access".into(), ..of_brand(Some("other"), "a@example.com", "T-2") };
    let other = enter(&office.desk(), other).await;
    office.task(other, &connection, |_| {}).await;
    let shown = async |desk: &Desk<'_>| {
        let mut shown = approve::preview(desk, &Selection::default()).await.unwrap();
        shown.retain(|one| one.request == own);
        shown.remove(0).open_accesses
    };
    assert_eq!(shown(&office.desk()).await, [other]);
    assert!(shown(&bound(&office, "shop")).await.is_empty());
}
