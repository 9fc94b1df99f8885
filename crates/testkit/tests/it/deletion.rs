//! A deletion from the request to the confirmed end, and what can come in between.

use domain::{IdentifierKind, Outcome, Proof, Right, TaskState};
use testkit::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_known_by_email_is_deleted_and_confirmed_by_every_identifier() {
    let stage = Stage::set().await.unwrap();
    stage.connect().await.unwrap();
    let subject = stage.subject("regular").unwrap();
    let email = subject["email"].as_str().unwrap();
    let request = stage.submit(Right::Deletion, &[("email", email)]).await.unwrap();

    stage.run_days(40).await.unwrap();

    let task = stage.task(request).await.unwrap();
    assert_eq!(task.state, TaskState::Ended, "{}", stage.verdict(request).await.unwrap());
    assert!(matches!(task.detail.outcome, Some(Outcome::Done { .. })), "{task:?}");
    assert_eq!(task.detail.proof, Some(Proof::Confirmed { n_looks: 5 }), "{task:?}");
    let identifiers = stage.store.identifiers_of(&[request]).await.unwrap();
    let n_user_ids =
        identifiers.iter().filter(|(_, one)| one.kind == IdentifierKind::UserId).count();
    assert_eq!((identifiers.len(), n_user_ids), (5, 1));
    assert_eq!(stage.regulations().await.unwrap().len(), 1);
}
