//! Pages of the journal: in both directions, and of what was asked for only.

use super::*;
use crate::operator::office::office;

#[tokio::test]
async fn pages_follow_one_another_and_the_last_says_so() {
    let office = office().await;
    office.request("deletion", "ada@example.com").await;
    office.request("deletion", "bob@example.com").await;
    let (desk, all) = (office.desk(), Filter::default());
    let whole = page(&desk, &all, From::After(0), 100).await.unwrap();
    assert_eq!(whole.next, None);
    let mut entries = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after {
        let page = page(&desk, &all, From::After(from), 3).await.unwrap();
        entries.extend(page.entries);
        after = page.next;
    }
    assert_eq!(entries, whole.entries);
    let last = page(&desk, &all, From::Before(i64::MAX), 1).await.unwrap();
    assert_eq!(last.entries, whole.entries[whole.entries.len() - 1..]);
    assert_eq!(last.next, Some(last.entries[0].seq));
}

#[tokio::test]
async fn a_filter_names_a_request_as_a_person_does() {
    let office = office().await;
    let id = office.request("deletion", "ada@example.com").await;
    office.request("deletion", "bob@example.com").await;
    let desk = office.desk();
    let (request, event) = (Some(id.to_string()), Some(Event::RequestReceived));
    let filter = Filter { request, event, ..Filter::default() };
    let page = page(&desk, &filter, From::After(0), 100).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].entry.request, Some(id));
    let nobody = Filter { request: Some("req_ffff".into()), ..Filter::default() };
    let answer = super::page(&desk, &nobody, From::After(0), 1).await;
    assert!(matches!(answer, Err(OperatorError::NotFound { what: "request" })));
}
