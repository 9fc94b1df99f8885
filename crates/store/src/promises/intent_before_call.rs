//! A changing call has an intent that survives, and that is answered once.

use super::setup::{now, setup};
use crate::{Applied, IntentAnswer, IntentOutcome, Transition};

#[tokio::test]
async fn an_intent_is_found_after_a_restart_until_it_is_answered() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let fence = setup.lease("engine", "one").await;
    let job = setup.job(&connection);
    let intent = setup.intent(&job, &fence);
    setup
        .done(Transition {
            new_jobs: vec![job],
            new_intents: vec![intent.clone()],
            ..Default::default()
        })
        .await;
    let store = setup.again().await;
    let open = store.open_intents(connection.id).await.unwrap();
    assert!(open == std::slice::from_ref(&intent));
    let outcome = IntentOutcome { id: intent.id, at: now(), what: IntentAnswer::Answered };
    setup.done(Transition { intents: vec![outcome], ..Default::default() }).await;
    assert!(store.open_intents(connection.id).await.unwrap().is_empty());
    let answer = store.intent_answer(intent.id).await.unwrap();
    assert_eq!(answer, Some(IntentAnswer::Answered));
}

#[tokio::test]
async fn an_intent_is_answered_once() {
    let setup = setup().await;
    let connection = setup.connection("segment-eu").await;
    let fence = setup.lease("engine", "one").await;
    let job = setup.job(&connection);
    let intent = setup.intent(&job, &fence);
    let answered = |what| Transition {
        intents: vec![IntentOutcome { id: intent.id, at: now(), what }],
        ..Default::default()
    };
    setup
        .done(Transition {
            new_jobs: vec![job],
            new_intents: vec![intent.clone()],
            ..answered(IntentAnswer::NotSent)
        })
        .await;
    let again = setup.apply(answered(IntentAnswer::Answered)).await.unwrap();
    assert_eq!(again, [Applied::Lost]);
    let answer = setup.store.intent_answer(intent.id).await.unwrap();
    assert_eq!(answer, Some(IntentAnswer::NotSent));
}
