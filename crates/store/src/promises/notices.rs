//! Notices are raised once for each cause, found page by page, and forgotten long after they are mended.

use domain::notice::{About, NoticeKind};
use domain::{Actor, ConnectionId, Entry, Event, Instant, Notice, NoticeId};
use jiff::SignedDuration;

use super::setup::{Setup, now, setup};

fn notice(setup: &Setup, mended_at: Option<Instant>) -> (Notice, Entry) {
    let about = About { connection: Some(ConnectionId::new(&*setup.ids)), ..About::default() };
    let (id, kind) = (NoticeId::new(&*setup.ids), NoticeKind::ConnectionBroken);
    let entry = Entry::new(now(), Actor::Engine, Event::NoticeRaised);
    (Notice { id, kind, about, raised_at: now(), mended_at }, entry)
}

#[tokio::test]
async fn what_was_mended_long_ago_is_forgotten_and_the_rest_is_found_page_by_page() {
    let setup = setup().await;
    let fence = setup.lease("engine", "one").await;
    let mut raised: Vec<_> = (0..2_500).map(|_| notice(&setup, None)).collect();
    setup.store.keep_notices(&fence, &raised, &[], None).await.unwrap();
    for (one, _) in &mut raised[..2_400] {
        one.mended_at = Some(now());
    }
    setup.store.keep_notices(&fence, &[], &raised[..2_400], None).await.unwrap();
    let ids = |all: &[Notice]| all.iter().map(|one| one.id).collect::<Vec<_>>();
    let newest = setup.store.notices(false, None, 200).await.unwrap();
    assert_eq!((newest[0].id, newest.len()), (raised[2_499].0.id, 200));
    let open = setup.store.notices(true, None, 200).await.unwrap();
    assert_eq!(ids(&open), ids(&newest)[..100]);
    let second = setup.store.notices(true, Some(open[49].id), 200).await.unwrap();
    assert_eq!(ids(&second), ids(&open)[50..]);
    let oldest = setup.store.open_notices(None, 60).await.unwrap();
    let rest = setup.store.open_notices(oldest.last().map(|one| one.id), 60).await.unwrap();
    assert_eq!((oldest.len(), rest.len()), (60, 40));
    let causes = [raised[0].0.cause(), raised[2_450].0.cause()];
    let of = setup.store.open_notices_of(&causes).await.unwrap();
    assert_eq!(ids(&of), [raised[2_450].0.id]);
    setup.store.sweep_notices(&fence, now()).await.unwrap();
    assert_eq!(setup.store.notices(false, None, 3_000).await.unwrap().len(), 2_500);
    let later = now().checked_add(SignedDuration::from_secs(1)).unwrap();
    setup.store.sweep_notices(&fence, later).await.unwrap();
    assert_eq!(setup.store.notices(false, None, 3_000).await.unwrap().len(), 100);
}
