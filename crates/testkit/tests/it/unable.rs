//! A connection that can't serve a right as it stands leaves work to a person: whoever asked would
//! else be told that all is done.

use domain::{RequestState, Right};
use engine::operator::connections;
use testkit::stage::Stage;

/// A stage whose connection was made with these of the twin's credentials.
async fn connected_with(credentials: &str) -> anyhow::Result<Stage> {
    let stage = Stage::small().await?;
    let new = stage.candidate.entered(&stage.twins, credentials)?;
    let (draft, report) = stage.check(new).await?;
    connections::add(&stage.desk(), draft, report).await?;
    Ok(stage)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_that_no_permission_allows_is_work_for_a_person() -> anyhow::Result<()> {
    let stage = connected_with("/without/profile").await?;
    let email = stage.value("regular", "email")?;
    let request = stage.submit(Right::Access, &[("email", &email)]).await?;
    stage.run_days(3).await?;
    let works = stage.hand_works(request).await?;
    assert_eq!(works.len(), 1, "{works:?}");
    assert_eq!(works[0].place, "segment");
    assert_eq!(
        works[0].what,
        "segment can't serve access (no space has a working profile token, and only the Profile API shows what is stored about a person): carry it out there by hand, or mend the connection and submit the request again"
    );
    let request = stage.store.request(request).await?.unwrap();
    assert_eq!(request.state, RequestState::InProgress, "it waits for that person");
    assert_eq!(
        request.routed.unwrap()[0].left_out.as_deref().map(|why| &why[..8]),
        Some("no space")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_without_a_way_of_doing_it_is_work_for_a_person() -> anyhow::Result<()> {
    let stage = Stage::small().await?;
    stage
        .connect_with(|new| {
            new.settings.insert("opt_out_by".to_owned(), "consent_event".into());
            new.secrets.remove("write_key");
        })
        .await?;
    let email = stage.value("regular", "email")?;
    for right in [Right::OptOut, Right::OptIn] {
        let request = stage.submit(right, &[("email", &email)]).await?;
        stage.run_days(2).await?;
        let works = stage.hand_works(request).await?;
        assert!(
            works.len() == 1
                && works[0].what.starts_with(&format!("segment can't serve {right} (")),
            "{works:?}"
        );
    }
    assert_eq!(stage.compare_books().await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_no_connector_serves_is_work_for_a_person() -> anyhow::Result<()> {
    let (stage, request) = Stage::asked(Right::Correction, "regular").await?;
    stage.run_days(2).await?;
    let works = stage.hand_works(request).await?;
    assert_eq!(works.len(), 1, "{works:?}");
    assert_eq!(works[0].what, "no connection serves correction: carry it out by hand");
    Ok(())
}
