//! The daily guard: how many deletions a connection may still start by itself today.
//!
//! Count and bound belong to a day, in UTC. A shift may outlast its day, so both are looked up
//! by the date at the gate.

use domain::guard::daily_bound;
use domain::{Connection, Instant};
use jiff::SignedDuration;
use store::{Store, StoreError};
use tokio::sync::Mutex;

/// How many days the daily guard learns from.
const DAYS: u16 = 30;

/// The guard of one connection for as long as a shift lasts.
#[derive(Default)]
pub(crate) struct DailyGuard {
    day: Mutex<Option<Day>>,
}

/// One day's count, and what the days before it were like.
struct Day {
    date: String,
    n_let_through: u32,
    before: Vec<u32>,
}

/// What the guard says to one deletion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It passes, and counts for this date.
    Passes { date: String },
    /// It is one more than the bound, which is this.
    Stops { bound: u32 },
}

impl DailyGuard {
    /// Asks for one deletion to pass by itself; if it does, it is counted.
    pub async fn ask(
        &self,
        store: &Store,
        connection: &Connection,
        now: Instant,
    ) -> Result<Answer, StoreError> {
        let date = date_of(now);
        let mut day = self.day.lock().await;
        let today = match day.take() {
            // Work that began before midnight counts for the day that has come since.
            Some(day) if day.date >= date => day,
            _ => begin(store, connection, date.clone(), now).await?,
        };
        let today = day.insert(today);
        let bound = daily_bound(&connection.switches, &today.before, now);
        if today.n_let_through >= bound {
            return Ok(Answer::Stops { bound });
        }
        today.n_let_through += 1;
        Ok(Answer::Passes { date: today.date.clone() })
    }
}

/// A day as the store knows it.
async fn begin(
    store: &Store,
    connection: &Connection,
    date: String,
    now: Instant,
) -> Result<Day, StoreError> {
    let month = SignedDuration::from_hours(24 * i64::from(DAYS));
    let first = date_of(now.saturating_sub(month).unwrap_or(now));
    let days = store.deletions_per_day(connection.id, u32::from(DAYS) + 1).await?;
    let n_let_through = days.iter().find(|(day, _)| *day == date).map_or(0, |(_, n)| *n);
    let is_before = |day: &String| *day < date && *day >= first;
    let mut before: Vec<_> =
        days.iter().filter(|(day, _)| is_before(day)).map(|(_, n)| *n).collect();
    // Days without a deletion have no row; they count all the same.
    before.resize(usize::from(DAYS), 0);
    Ok(Day { date, n_let_through, before })
}

/// The day that an instant belongs to, in UTC.
fn date_of(at: Instant) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests;
