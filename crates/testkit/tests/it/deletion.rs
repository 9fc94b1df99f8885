//! A deletion from the request to the confirmed end, by every kind of person.

use domain::{Event, IdentifierKind, Outcome, Proof, Right, TaskState};
use testkit::stage::Stage;

const CONFIRMED: &str = "ended, done (1 identifier sent), confirmed by 5 look-ups";

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
    assert_eq!(stage.changes().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_with_capitals_plus_slash_and_colon_are_deleted_and_confirmed() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let mut requests = Vec::new();
    let mut user_ids = Vec::new();
    for kind in ["mixed_case", "plus", "slash", "colon"] {
        let email = stage.value(kind, "email")?;
        requests.push(stage.submit(Right::Deletion, &[("email", &email)]).await?);
        user_ids.push(stage.value(kind, "user_id")?);
    }
    stage.run_days(40).await?;
    for request in requests {
        assert_eq!(stage.verdict(request).await?, CONFIRMED);
    }
    user_ids.sort();
    assert_eq!(stage.regulated().await?, user_ids, "each exactly as Segment lists it");
    assert_eq!(stage.compare_books().await?, 1, "one call for all four");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_whom_nobody_knows_ends_as_nothing_found_and_says_where() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let request = stage.submit(Right::Deletion, &[("email", "nobody.knows@example.org")]).await?;
    stage.run_days(2).await?;
    let spaces = stage.twins["segment"]["credentials"]["full"]["spaces"].as_array().unwrap();
    let spaces: Vec<_> = spaces.iter().map(|space| space["space_id"].as_str().unwrap()).collect();
    let verdict = stage.verdict(request).await?;
    assert_eq!(verdict, format!("ended, nothing found (searched: {})", spaces.join(", ")));
    let task = stage.task(request).await?;
    let Some(Outcome::NothingFound { not_searchable, .. }) = task.detail.outcome else {
        panic!("{task:?}")
    };
    assert!(
        not_searchable
            .iter()
            .any(|words| words.contains("archives") && words.contains("warehouses"))
    );
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_without_user_id_is_work_by_hand_and_nothing_is_sent() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "no_user_id").await?;
    stage.run_days(40).await?;
    let works = stage.hand_works(request).await?;
    assert_eq!(works.len(), 1, "{works:?}");
    assert!(works[0].what.contains("without user id"), "{works:?}");
    assert_eq!(
        stage.verdict(request).await?,
        format!("ended, left to a person (nothing was done there: {})", works[0].place)
    );
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_in_two_spaces_is_deleted_and_looked_up_in_both() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "two_spaces").await?;
    stage.run_days(40).await?;
    let task = stage.task(request).await?;
    assert_eq!(task.findings.found().unwrap().known_in.len(), 2);
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (2 identifiers sent), confirmed by 10 look-ups"
    );
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (1, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_user_ids_of_one_profile_are_sent() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "two_user_ids").await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (2 identifiers sent), confirmed by 6 look-ups"
    );
    assert_eq!((stage.compare_books().await?, stage.regulated().await?.len()), (1, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_id_that_somebody_gave_is_sent_although_no_space_knows_it() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage.connect().await?;
    let request = stage.submit(Right::Deletion, &[("user_id", "long-gone-77")]).await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (1 identifier sent), unproven: an identifier was known in no space before, so its absence proves nothing"
    );
    assert_eq!(stage.regulated().await?, ["long-gone-77"]);
    assert_eq!(stage.compare_books().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_profile_token_it_waits_for_a_user_id_and_goes_on_with_one() -> anyhow::Result<()>
{
    let stage = Stage::small().await?;
    stage
        .connect_with(|new| new.secrets.retain(|name, _| !name.starts_with("profile_token")))
        .await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Deletion, &[("email", &email)]).await?;
    stage.run_days(2).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "needs identifier, waits for an operator: needs a user_id"
    );
    assert_eq!(stage.compare_books().await?, 0);

    let user_id = stage.value("regular", "user_id")?;
    stage.add_identifier(request, IdentifierKind::UserId, &user_id).await?;
    stage.run_days(40).await?;
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (1 identifier sent), unproven: no space can be read: there is no working profile token"
    );
    assert_eq!((stage.task(request).await?.round, stage.compare_books().await?), (2, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identifier_that_comes_late_opens_another_round() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Deletion, "regular").await?;
    stage.run_days(1).await?;
    let task = stage.task(request).await?;
    assert_eq!(task.state, TaskState::Waiting);
    let other = stage.subjects("regular").swap_remove(1);
    let user_id = other["user_id"].as_str().unwrap();
    stage.add_identifier(request, IdentifierKind::UserId, user_id).await?;
    stage.run_days(80).await?;
    let task = stage.task(request).await?;
    assert_eq!(task.round, 2);
    assert_eq!(
        stage.verdict(request).await?,
        "ended, done (2 identifiers sent), confirmed by 10 look-ups"
    );
    assert_eq!(stage.compare_books().await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_deleting_is_sent_as_it_was_set() -> anyhow::Result<()> {
    for way in ["DELETE_ONLY", "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_INTERNAL"] {
        let stage = Stage::small().await?;
        stage
            .connect_with(|new| {
                new.settings.insert("deletion_type".to_owned(), way.into());
            })
            .await?;
        let email = stage.value("residue", "email")?;
        let request = stage.submit(Right::Deletion, &[("email", &email)]).await?;
        stage.run_days(40).await?;
        let verdict = stage.verdict(request).await?;
        let expected = if way == "DELETE_ONLY" {
            "ended, done with residue (left in: Google Analytics 4 Web), confirmed by 5 look-ups"
        } else {
            CONFIRMED
        };
        assert_eq!(verdict, expected, "{way}");
        assert_eq!(stage.changes().await?[0]["type"], way);
        assert_eq!(stage.entries(Event::IntentWritten).await?.len(), 1);
    }
    Ok(())
}
