//! Requests coming in: each once, and never two for one person under one right.

use domain::{Event, IdentifierKind};

use super::*;
use crate::operator::Given;
use crate::operator::decide;
use crate::operator::office::{code, draft, now, office};

/// That it was in before.
fn known(request: RequestId) -> TakenIn {
    TakenIn { request, is_new: false }
}

async fn codes(desk: &Desk<'_>, drafts: &[Draft]) -> Vec<Vec<&'static str>> {
    let taken = submit(desk, drafts, None).await.unwrap();
    let codes = taken.into_iter().map(|one| match one {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(code).collect(),
    });
    codes.collect()
}

#[tokio::test]
async fn a_request_comes_in_verified_and_journalled_without_its_values() {
    let office = office().await;
    let id = office.request("deletion", "Ada@Lovelace.org").await;
    let request = office.store.request(id).await.unwrap().unwrap();
    assert_eq!(request.verified.unwrap().by, "ops");
    assert_eq!(request.received_at, now());
    let [(_, identifier)] = &office.store.identifiers_of(&[id]).await.unwrap()[..] else {
        panic!("one identifier");
    };
    assert_eq!(identifier.normalised, "ada@lovelace.org");
    let journal = [
        office.journal(Event::RequestReceived).await,
        office.journal(Event::RequestVerified).await,
    ];
    assert_eq!(journal.concat().len(), 2);
    assert!(!journal.concat().concat().to_lowercase().contains("lovelace"));
    assert!(journal[1][0].contains("by whoever entered it"));
}

#[tokio::test]
async fn one_person_twice_under_one_right_is_refused_while_the_first_is_open() {
    let office = office().await;
    let desk = office.desk();
    let id = office.request("deletion", "ada@lovelace.org").await;
    assert_eq!(codes(&desk, &[draft("deletion", "ADA@lovelace.org")]).await, [["E-REQ-040"]]);
    let faults = submit(&desk, &[draft("deletion", "ada@lovelace.org")], None).await.unwrap();
    assert!(faults[0].as_ref().unwrap_err()[0].message.contains(&id.to_string()));
    assert!(codes(&desk, &[draft("access", "ada@lovelace.org")]).await[0].is_empty());
    assert!(codes(&desk, &[draft("deletion", "bob@lovelace.org")]).await[0].is_empty());
    decide::deny(&desk, id, "").await.unwrap();
    assert!(codes(&desk, &[draft("deletion", "ada@lovelace.org")]).await[0].is_empty());
}

#[tokio::test]
async fn what_a_household_shares_does_not_make_two_people_one() {
    let office = office().await;
    let desk = office.desk();
    let with_cookie = |email: &str| {
        let mut draft = draft("deletion", email);
        draft.identifiers.push(Given::new(IdentifierKind::Cookie, "abc-def-123"));
        draft
    };
    let drafts = [with_cookie("ada@lovelace.org"), with_cookie("bob@lovelace.org")];
    assert!(codes(&desk, &drafts).await.iter().all(Vec::is_empty));
}

#[tokio::test]
async fn an_opt_out_of_a_further_scope_is_another_request() {
    let office = office().await;
    let desk = office.desk();
    let scoped =
        |scope: &str| Draft { scope: scope.into(), ..draft("opt_out", "ada@lovelace.org") };
    assert!(codes(&desk, &[scoped("sale")]).await[0].is_empty());
    assert!(codes(&desk, &[scoped("sharing")]).await[0].is_empty());
    assert_eq!(codes(&desk, &[scoped("sale")]).await, [["E-REQ-040"]]);
}

#[tokio::test]
async fn an_external_id_makes_it_the_same_request() {
    let office = office().await;
    let desk = office.desk();
    let external = |id: &str| Draft { external_id: Some(id.into()), ..draft("access", "a@b.org") };
    let first = submit(&desk, &[external("X-1")], None).await.unwrap().remove(0).unwrap();
    let again = submit(&desk, &[external("X-1")], None).await.unwrap().remove(0).unwrap();
    let id = first.request;
    assert_eq!((first.is_new, again), (true, known(id)));
    assert_eq!(codes(&desk, &[external("X-2")]).await, [["E-REQ-040"]]);
    decide::cancel(&desk, id, "").await.unwrap();
    let closed = submit(&desk, &[external("X-1")], None).await.unwrap().remove(0).unwrap();
    assert_eq!(closed, known(id));
}

#[tokio::test]
async fn an_external_id_that_names_another_request_is_refused() {
    let office = office().await;
    let desk = office.desk();
    let external =
        |right: &str, email: &str| Draft { external_id: Some("X-1".into()), ..draft(right, email) };
    let first = external("deletion", "ada@lovelace.org");
    let added = submit(&desk, std::slice::from_ref(&first), None).await.unwrap().remove(0).unwrap();
    let TakenIn { request: id, is_new: true } = added else { panic!("new at first") };
    for other in [external("deletion", "bob@lovelace.org"), external("access", "ada@lovelace.org")]
    {
        assert_eq!(codes(&desk, std::slice::from_ref(&other)).await, [["E-REQ-042"]]);
        decide::cancel(&desk, id, "").await.ok();
        assert_eq!(codes(&desk, &[other]).await, [["E-REQ-042"]], "also when it is closed");
    }
    assert_eq!(submit(&desk, std::slice::from_ref(&first), None).await.unwrap(), [Ok(known(id))]);
    let elsewhere = Draft { brand: Some("outlet".into()), ..first };
    assert_eq!(codes(&desk, &[elsewhere]).await, [["E-REQ-042"]], "other systems would serve it");
    let beside = |right: &str| Draft { external_id: Some("X-2".into()), ..draft(right, "c@d.org") };
    let both = codes(&desk, &[beside("access"), beside("deletion")]).await;
    assert_eq!(both, [vec![], vec!["E-REQ-042"]]);
}

#[tokio::test]
async fn a_named_request_is_known_also_by_what_an_operator_added() {
    let office = office().await;
    let desk = office.desk();
    let external = Draft { external_id: Some("X-1".into()), ..draft("deletion", "ada@d.org") };
    let added = submit(&desk, std::slice::from_ref(&external), None).await.unwrap().remove(0);
    let Ok(TakenIn { request: id, is_new: true }) = added else { panic!("new at first") };
    let other = Given::new(IdentifierKind::Email, "countess@d.org");
    let mut more = external;
    more.identifiers.push(other.clone());
    assert_eq!(codes(&desk, std::slice::from_ref(&more)).await, [["E-REQ-042"]]);
    decide::add_identifiers(&desk, id, &[other], None).await.unwrap();
    assert_eq!(submit(&desk, &[more], None).await.unwrap(), [Ok(known(id))]);
}

#[tokio::test]
async fn a_type_that_no_connection_takes_is_refused() {
    let office = office().await;
    let desk = office.desk();
    let mut loyalty = draft("deletion", "ada@lovelace.org");
    loyalty.identifiers.push(Given::new(IdentifierKind::Custom("loyalty".into()), "L-77"));
    let mut mpid = draft("access", "ada@lovelace.org");
    mpid.identifiers.push(Given::new(IdentifierKind::Mpid, "812345"));
    let mut connection = office.connection().await;
    assert_eq!(codes(&desk, &[loyalty.clone(), mpid]).await, [["E-REQ-017"], ["E-REQ-017"]]);
    connection.settings.insert("external_ids".into(), serde_json::json!(["id.loyalty"]));
    office.write(store::Transition { connections: vec![connection], ..Default::default() }).await;
    assert!(codes(&desk, &[loyalty]).await[0].is_empty());
}

#[tokio::test]
async fn what_several_people_type_at_once_comes_to_what_it_would_alone() {
    let office = office().await;
    let named = |id: &str, email: &str| Draft {
        external_id: Some(id.into()),
        brand: Some("shop".into()),
        ..draft("access", email)
    };
    let drafts = [
        named("X-1", "ada@lovelace.org"),
        draft("acess", "typo@lovelace.org"),
        named("X-1", "ada@lovelace.org"),
        named("X-2", "ada@lovelace.org"),
        named("X-1", "bob@lovelace.org"),
        named("X-3", "eve@lovelace.org"),
        named("X-4", "zoe@lovelace.org"),
    ];
    let mut typed: Vec<_> = drafts
        .iter()
        .map(|draft| Submission { desk: office.desk(), region: None, draft, key: None })
        .collect();
    typed[5].desk.reach = domain::Reach::Brands(["outlet".to_owned()].into());
    typed[6].desk.actor = domain::Actor::Operator("zoe".into());
    let taken = submit_together(&typed).await.unwrap();
    let codes = |taken: &Taken| taken.as_ref().err().map(|faults| code(&faults[0]));
    let codes: Vec<_> = taken.iter().map(codes).collect();
    let (typo, open, other) = (Some("E-REQ-001"), Some("E-REQ-040"), Some("E-REQ-042"));
    assert_eq!(codes, [None, typo, None, open, other, Some("E-REQ-044"), None]);
    let (first, again) = (taken[0].clone().unwrap(), taken[2].clone().unwrap());
    assert_eq!((first.is_new, again), (true, known(first.request)), "the same is in once");
    let last = office.store.request(taken[6].clone().unwrap().request).await.unwrap().unwrap();
    assert_eq!(last.verified.unwrap().by, "zoe", "each draft is its own desk's");
    assert_eq!(office.journal(Event::RequestReceived).await.len(), 2);
}

#[tokio::test]
async fn what_is_sent_again_under_its_key_is_in_once() {
    let office = office().await;
    let send = async |who: &str, key, draft: &Draft| {
        let mut desk = office.desk();
        desk.actor = domain::Actor::Operator(who.into());
        let sent = [Submission { desk, region: None, draft, key: Some(key) }];
        submit_together(&sent).await.unwrap().remove(0)
    };
    let ada = draft("access", "ada@lovelace.org");
    let first = send("crm", "k-1", &ada).await.unwrap();
    assert_eq!(send("crm", "k-1", &ada).await, Ok(known(first.request)));
    let code_of = |taken: Taken| code(&taken.unwrap_err()[0]);
    assert_eq!(
        code_of(send("crm", "k-2", &ada).await),
        "E-REQ-040",
        "another key, the same person"
    );
    assert_eq!(code_of(send("web", "k-1", &ada).await), "E-REQ-040", "the key of another sender");
    let bob = draft("access", "bob@lovelace.org");
    assert_eq!(code_of(send("crm", "k-1", &bob).await), "E-REQ-043");
    assert!(send("web", "k-1", &bob).await.unwrap().is_new);
    decide::deny(&office.desk(), first.request, "").await.unwrap();
    assert_eq!(send("crm", "k-1", &ada).await, Ok(known(first.request)), "also when it is closed");
    assert!(send("crm", "k-2", &ada).await.unwrap().is_new, "a second wish");
    let named =
        Draft { external_id: Some("X-1".to_owned()), ..draft("access", "eve@lovelace.org") };
    let first = send("crm", "k-3", &named).await.unwrap();
    assert_eq!(send("crm", "k-4", &named).await, Ok(known(first.request)), "by its external id");
}

#[tokio::test]
async fn what_is_sent_twice_at_once_under_one_key_is_in_once() {
    let office = office().await;
    let (ada, bob) = (draft("access", "ada@lovelace.org"), draft("access", "bob@lovelace.org"));
    let sent = [&ada, &ada, &bob].map(|draft| Submission {
        desk: office.desk(),
        region: None,
        draft,
        key: Some("k-1"),
    });
    let taken = submit_together(&sent).await.unwrap();
    let first = taken[0].clone().unwrap();
    assert_eq!((first.is_new, taken[1].clone()), (true, Ok(known(first.request))));
    assert_eq!(code(&taken[2].as_ref().unwrap_err()[0]), "E-REQ-043");
}
