//! A request comes in once, however often it is sent, and is found by what people know of it.

use domain::{RequestState, Right, Task, TaskId, TaskState};

use super::setup::{now, setup};
use crate::{Added, From, JournalFilter, RequestFilter, Transition};

#[tokio::test]
async fn a_request_that_comes_again_is_known_and_adds_nothing() {
    let setup = setup().await;
    let first = setup.new_request(Right::Deletion, &["a@example.org"]);
    let mut again = setup.new_request(Right::Deletion, &["a@example.org"]);
    let mut twin = setup.new_request(Right::Deletion, &["a@example.org"]);
    let other = setup.new_request(Right::Access, &["b@example.org"]);
    again.idempotency = first.idempotency.clone();
    twin.idempotency = first.idempotency.clone();
    let (id, other_id) = (first.request.id, other.request.id);
    let added = setup.store.add_requests(vec![first, twin], now()).await.unwrap();
    assert_eq!(added, [Added::New(id), Added::Known(id)], "twice in one go");
    let rows = setup.store.row_counts().await.unwrap();
    let added = setup.store.add_requests(vec![again.clone()], now()).await.unwrap();
    assert_eq!(added, [Added::Known(id)]);
    assert_eq!(setup.store.row_counts().await.unwrap(), rows);
    let added = setup.store.add_requests(vec![again, other], now()).await.unwrap();
    assert_eq!(added, [Added::Known(id), Added::New(other_id)]);
}

#[tokio::test]
async fn a_request_reads_back_as_given_with_its_state_derived() {
    let setup = setup().await;
    let mut new = setup.new_request(Right::OptOut, &["a@example.org"]);
    new.request.external_id = Some("TICKET-7".into());
    new.request.verified = None;
    let added = setup.store.add_requests(vec![new.clone()], now()).await.unwrap();
    assert_eq!(added, [Added::New(new.request.id)]);
    let mut expected = new.request.clone();
    expected.state = RequestState::Verifying;
    let found = setup.again().await.request(new.request.id).await.unwrap().unwrap();
    assert!(found == expected);
    assert_eq!(setup.store.identifiers_of(&[found.id]).await.unwrap()[0].1, new.identifiers[0]);
    let journal = setup.store.journal(From::Before(i64::MAX), &JournalFilter::default(), 1).await;
    assert_eq!(journal.unwrap()[0].1, new.journal[0]);
}

#[tokio::test]
async fn people_find_a_request_by_the_beginning_of_its_id_or_its_external_id() {
    let setup = setup().await;
    let mut new = setup.new_request(Right::Access, &["a@example.org"]);
    new.request.external_id = Some("TICKET-7".into());
    let id = new.request.id;
    setup.store.add_requests(vec![new], now()).await.unwrap();
    let text = id.to_string();
    for asked in [&text[..], &text[..12], &text[4..16], "TICKET-7"] {
        assert_eq!(setup.store.request_by_prefix(asked).await.unwrap(), [id], "{asked}");
    }
    assert!(setup.store.request_by_prefix("TICKET").await.unwrap().is_empty());
    assert!(setup.store.request_by_prefix("ffff").await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_come_in_pages_and_take_each_filter() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let task = setup.task(&connection, "a@example.org").await;
    let access = setup.request(Right::Access, &["b@example.org"]).await;
    let late = setup.request(Right::Deletion, &["c@example.org"]).await;
    let list = |filter: RequestFilter, after, limit| {
        let store = setup.store.clone();
        async move {
            let page = store.requests(&filter, after, limit).await.unwrap();
            page.iter().map(|request| request.id).collect::<Vec<_>>()
        }
    };
    let all = RequestFilter::default;
    assert_eq!(list(all(), None, 2).await, [task.request, access.id]);
    assert_eq!(list(all(), Some(access.id), 2).await, [late.id]);
    let right = RequestFilter { right: Some(Right::Access), ..all() };
    assert_eq!(list(right, None, 9).await, [access.id]);
    let received = RequestFilter { states: vec![RequestState::Received], ..all() };
    assert_eq!(list(received, None, 9).await, [access.id, late.id]);
    let of = RequestFilter { connection: Some(connection.id), ..all() };
    assert_eq!(list(of, None, 9).await, [task.request]);
    assert!(list(RequestFilter { overdue: Some(now()), ..all() }, None, 9).await.is_empty());
    let tomorrow = now() + jiff::SignedDuration::from_hours(24);
    assert_eq!(list(RequestFilter { overdue: Some(tomorrow), ..all() }, None, 9).await.len(), 3);
    assert!(list(RequestFilter { needs_a_person: true, ..all() }, None, 9).await.is_empty());
    let unrouted = setup.store.unrouted(9).await.unwrap();
    assert_eq!(unrouted.iter().map(|request| request.id).collect::<Vec<_>>(), [access.id, late.id]);
}

#[tokio::test]
async fn filters_narrow_each_other_whichever_index_a_list_goes_along() {
    let setup = setup().await;
    let (here, there) = (setup.connection("here").await, setup.connection("there").await);
    let deletion = setup.task(&here, "a@example.org").await;
    let twice = setup.task(&there, "b@example.org").await;
    let access = setup.request(Right::Access, &["c@example.org"]).await;
    // A second task of the same request in the same connection, and both wait for a person.
    let mut first = setup.store.task(twice.id).await.unwrap().unwrap();
    first.state = TaskState::ByHand;
    let second = Task { id: TaskId::new(&*setup.ids), version: 0, ..first.clone() };
    let waiting = Transition { tasks: vec![first], new_tasks: vec![second], ..Default::default() };
    setup.done(waiting).await;
    let list = async |filter: RequestFilter| {
        let page = setup.store.requests(&filter, None, 9).await.unwrap();
        page.iter().map(|request| request.id).collect::<Vec<_>>()
    };
    let all = RequestFilter::default;
    let needs = || RequestFilter { needs_a_person: true, ..all() };
    assert_eq!(list(needs()).await, [twice.request], "found once, with two tasks");
    let held = || RequestFilter { held: vec![here.id, there.id], ..needs() };
    assert_eq!(list(held()).await, [deletion.request, twice.request]);
    assert_eq!(
        list(RequestFilter { connection: Some(here.id), ..held() }).await,
        [deletion.request]
    );
    assert!(list(RequestFilter { right: Some(Right::Access), ..held() }).await.is_empty());
    let later = Some(now() + jiff::SignedDuration::from_hours(24));
    assert_eq!(list(RequestFilter { overdue: later, ..needs() }).await, [twice.request]);
    let of = |states: &[RequestState]| RequestFilter { states: states.to_vec(), ..all() };
    let open = [RequestState::Received, RequestState::InProgress];
    assert_eq!(list(of(&open)).await, [deletion.request, twice.request, access.id]);
    let not_closed = RequestFilter { connection: Some(there.id), ..of(&open) };
    assert_eq!(list(not_closed).await, [twice.request]);
    assert!(list(of(&[RequestState::Closed])).await.is_empty());
    assert!(list(RequestFilter { brands: Some([].into()), ..of(&open) }).await.is_empty());
    assert_eq!(setup.store.n_open_requests(2).await.unwrap(), 2, "counted up to so many");
    assert_eq!(setup.store.n_open_requests(9).await.unwrap(), 3);
}

#[tokio::test]
async fn where_nothing_fits_a_page_ends_all_the_same_and_says_where_to_go_on() {
    let setup = setup().await;
    for n in 0..5 {
        let names = (0..500).map(|i| format!("{n}-{i}@example.org"));
        let new = names.map(|name| setup.new_request(Right::Access, &[&name]));
        setup.store.add_requests(new.collect(), now()).await.unwrap();
    }
    let last = setup.request(Right::Deletion, &["last@example.org"]).await;
    let fits = |right| RequestFilter {
        right: Some(right),
        states: vec![RequestState::Received, RequestState::Answering],
        ..RequestFilter::default()
    };
    let mut ends = Vec::new();
    loop {
        let after = ends.last().copied();
        let none = setup.store.request_page(&fits(Right::Correction), after, 9).await.unwrap();
        assert!(none.requests.is_empty());
        let Some(next) = none.next else { break };
        ends.push(next);
    }
    assert!(ends.len() == 2 && ends.is_sorted() && ends[1] < last.id, "{ends:?}");
    let found = setup.store.requests(&fits(Right::Deletion), None, 9).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [last.id]);
    let full = setup.store.request_page(&fits(Right::Access), None, 9).await.unwrap();
    assert_eq!((full.requests.len(), full.next), (9, Some(full.requests[8].id)));
}
