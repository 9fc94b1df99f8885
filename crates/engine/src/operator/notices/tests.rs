//! Who is shown which notices. When they are raised is told by the stories of the engine.

use std::collections::BTreeSet;

use domain::notice::{About, NoticeKind};
use domain::{Actor, Entry, Event, JobId, Reach, Role, TaskId};

use super::*;
use crate::operator::office::{now, office};

#[tokio::test]
async fn where_nothing_was_wrong_the_page_is_empty() {
    let office = office().await;
    let bound = Desk { reach: Reach::Brands(BTreeSet::new()), ..office.desk() };
    for desk in [office.desk(), bound] {
        let page = page(&desk, Filter::default(), 9).await.unwrap();
        assert_eq!((page.notices.len(), page.next), (0, None));
    }
}

#[tokio::test]
async fn a_notice_names_no_request_to_those_who_may_see_none() {
    let office = office().await;
    let request = office.request("deletion", "ada@example.com").await;
    let task = Some(TaskId::new(&*office.ids));
    let job = Some(JobId::new(&*office.ids));
    let raise = |kind, about| {
        let id = NoticeId::new(&*office.ids);
        let entry = Entry::new(now(), Actor::Engine, Event::NoticeRaised);
        (Notice { id, kind, about, raised_at: now(), mended_at: None }, entry)
    };
    let of_request = About { request: Some(request), task, ..About::default() };
    let of_job = About { job, ..About::default() };
    let raised =
        [raise(NoticeKind::GuardTripped, of_request), raise(NoticeKind::JobOverdue, of_job)];
    let fence = office.fence("engine").await;
    office.store.keep_notices(&fence, &raised, &[], None).await.unwrap();
    let told = async |role: Role, reach: Reach| {
        let desk = Desk { roles: [role].into(), reach, ..office.desk() };
        let page = page(&desk, Filter::default(), 9).await.unwrap();
        let ids = page.notices.iter().map(|it| (it.about.request, it.about.task, it.about.job));
        ids.collect::<Vec<_>>()
    };
    let bound = Reach::Brands(BTreeSet::from(["shop".to_owned()]));
    assert_eq!(told(Role::ConnectionsManager, Reach::All).await, [(None, None, None); 2]);
    assert_eq!(
        told(Role::Auditor, Reach::All).await,
        [(None, None, job), (Some(request), task, None)]
    );
    assert_eq!(told(Role::Auditor, bound).await, [(None, None, None)], "of no other brand");
}
