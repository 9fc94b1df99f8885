//! Which clock a folder follows, a twin's on this machine or the real one, and whether it still
//! answers.

use domain::{Entry, Event, Instant};
use engine::operator::connections::refuse_beside_twins;
use engine::operator::controls::{self, CLOCK};

use crate::clock::followed::{check_loopback, read};
use crate::exit::Stop;
use crate::open::{Session, SessionClock};

/// What is written instead of a URL to go back to the machine's own clock.
const REAL: &str = "real";

/// Refuses a clock that may not be followed, or does not answer, and changes nothing. Says what time
/// a twin's shows.
pub async fn check(session: &Session, url: &str) -> anyhow::Result<Option<Instant>> {
    if url == REAL {
        return Ok(None);
    }
    check_loopback(url)?;
    for connection in session.store.connections().await? {
        refuse_beside_twins(session.desk().connectors, &connection)?;
    }
    Ok(Some(read(url).await?.now))
}

/// Makes this folder follow a twin's clock, or the real one again.
pub async fn follow(session: &mut Session, url: &str) -> anyhow::Result<()> {
    if let Some(now) = check(session, url).await? {
        session.now = now;
    }
    let url = if url == REAL { "" } else { url };
    if session.clock_url.as_deref().unwrap_or("") != url {
        let entry = Entry::new(session.now, session.actor.clone(), Event::SettingChanged)
            .fact("setting", CLOCK)
            .fact("value", url);
        session.store.set_setting(CLOCK, url, &entry).await?;
    }
    session.clock_url = Some(url.to_owned()).filter(|url| !url.is_empty());
    Ok(())
}

/// Looks again at the clock that the folder follows by now: whoever runs the engine may have changed
/// it.
pub async fn follow_as_set(session: &mut Session) -> anyhow::Result<()> {
    session.clock_url = controls::clock(&session.store).await?;
    session.refresh_now().await;
    Ok(())
}

/// Resolves when a twin's clock has been silent for so long that it is given up.
pub async fn lost(clock: &SessionClock) {
    match clock {
        SessionClock::Real(_) => std::future::pending().await,
        SessionClock::Followed(clock) => clock.lost().await,
    }
}

/// An error if a twin's clock was given up.
pub fn refuse_lost(clock: &SessionClock) -> Result<(), Stop> {
    match clock {
        SessionClock::Real(_) => Ok(()),
        SessionClock::Followed(clock) => clock.refuse_lost(),
    }
}
