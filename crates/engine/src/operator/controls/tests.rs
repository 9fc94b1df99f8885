//! The switch that stops everything, and the settings.

use super::*;
use crate::operator::office::{now, office};

#[tokio::test]
async fn pausing_everything_is_journalled_once_and_can_be_taken_back() {
    let office = office().await;
    let desk = office.desk();
    assert!(!is_paused(&office.store).await.unwrap());
    let first = pause_all(&desk).await.unwrap();
    assert_eq!(first, PausedAll { by: "ops".into(), since: now(), why: None });
    assert_eq!(pause_all(&desk).await.unwrap(), first);
    assert!(is_paused(&office.store).await.unwrap());
    assert!(resume_all(&desk).await.unwrap().was_paused);
    assert!(!resume_all(&desk).await.unwrap().was_paused);
    assert_eq!(office.journal(Event::EnginePaused).await.len(), 1);
    assert_eq!(office.journal(Event::EngineResumed).await.len(), 1);
}

#[tokio::test]
async fn settings_are_checked_and_the_journal_holds_no_value_that_people_may_have() {
    let office = office().await;
    let desk = office.desk();
    assert_eq!(get(&office.store, "respond_within").await.unwrap(), "30");
    set(&desk, "respond_within", "45").await.unwrap();
    assert_eq!(respond_within(&office.store).await.unwrap(), 45);
    for bad in ["0", "-1", "4000", "soon"] {
        assert!(set(&desk, "respond_within", bad).await.is_err(), "{bad}");
    }
    set(&desk, "placeholders", " Front@Desk.de | house ").await.unwrap();
    assert_eq!(placeholders(&office.store).await.unwrap().extra, ["front@desk.de", "house"]);
    assert!(set(&desk, "colour", "red").await.is_err());
    let journal = office.journal(Event::SettingChanged).await;
    assert_eq!(journal.len(), 2);
    assert!(journal[0].contains(r#""from":"30""#) && journal[0].contains(r#""to":"45""#));
    assert!(!journal.concat().to_lowercase().contains("desk.de"));
}
