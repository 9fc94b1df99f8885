//! How values look to a person: times with their distance, counts with their noun.

#[cfg(test)]
mod tests;

use domain::Instant;
use engine::operator::show::next_minute;

/// A time and how far away it is: `2026-12-22 09:00 (in 30 days)`.
pub fn when(at: Instant, now: Instant) -> String {
    format!("{} ({})", time(at), distance(at, now))
}

/// A time that lies ahead, and how far: never earlier than it is.
pub fn ahead(at: Instant, now: Instant) -> String {
    if at <= now {
        return when(at, now);
    }
    let at = next_minute(at);
    // As far as the two times are apart that stand on the screen.
    let this_minute = now.as_second() - now.as_second().rem_euclid(60);
    let shown = Instant::from_second(this_minute).unwrap_or(now);
    format!("{} ({})", time(at), distance(at, shown))
}

/// A time to the minute, in UTC.
pub fn time(at: Instant) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A day, in UTC.
pub fn day(at: Instant) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// How far away a time is: `in 3 days`, `2 hours ago`, `now`.
pub fn distance(at: Instant, now: Instant) -> String {
    let seconds = at.as_second() - now.as_second();
    let length = match seconds.unsigned_abs() {
        0..60 => return "now".to_owned(),
        minutes @ 60..5_400 => n_of(minutes / 60, "minute"),
        hours @ 5_400..129_600 => n_of((hours + 1_800) / 3_600, "hour"),
        days => n_of((days + 43_200) / 86_400, "day"),
    };
    if seconds > 0 { format!("in {length}") } else { format!("{length} ago") }
}

/// A number and its noun, with an s where it needs one.
pub fn n_of(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A number of bytes for a person.
pub fn size(bytes: u64) -> String {
    const STEPS: &[(&str, u64)] = &[("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match STEPS.iter().find(|(_, step)| bytes >= *step) {
        Some((unit, step)) => format!("{}.{} {unit}", bytes / step, bytes % step * 10 / step),
        None => n_of(bytes, "byte"),
    }
}

/// Words parted by commas, or a dash where there are none.
pub fn list<T: std::fmt::Display>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}
