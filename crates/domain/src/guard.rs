//! Guards: values nobody may act on, and numbers above which a person must look.

use crate::{IdentifierKind, Instant, connection::Switches};

/// An identifier that leads to more profiles than this stops for a person.
pub const FAN_OUT: u32 = 5;

/// Fewer deletions a day than this never trip the daily guard.
pub const DAILY_FLOOR: u32 = 100;

/// Values that systems write when they know nothing: they name everybody and nobody.
const PLACEHOLDERS: &[&str] = &[
    "-",
    "--",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "1",
    "123",
    "1234",
    "12345",
    "123456",
    "123456789",
    "abc",
    "admin",
    "anonymous",
    "asdf",
    "blank",
    "default",
    "deleted",
    "dummy",
    "empty",
    "example",
    "false",
    "foo",
    "guest",
    "id",
    "n/a",
    "na",
    "nan",
    "nil",
    "no",
    "nobody",
    "none",
    "not set",
    "(not set)",
    "null",
    "(null)",
    "object object",
    "[object object]",
    "placeholder",
    "redacted",
    "test",
    "tbd",
    "true",
    "undefined",
    "unknown",
    "user",
    "user_id",
    "userid",
    "void",
    "x",
    "xxx",
    "yes",
];

/// Addresses used to try things out.
const PLACEHOLDER_LOCALS: &[&str] = &[
    "test",
    "noreply",
    "no-reply",
    "donotreply",
    "none",
    "null",
    "undefined",
    "n/a",
    "na",
    "anonymous",
    "nobody",
    "fake",
];

/// The placeholder values: those shipped and those an operator added.
#[derive(Debug, Clone, Default)]
pub struct Placeholders {
    /// Values an operator added, lower-cased.
    pub extra: Vec<String>,
}

impl Placeholders {
    /// Whether a normalised value is a placeholder.
    pub fn matches(&self, kind: &IdentifierKind, normalised: &str) -> bool {
        let value = normalised.trim().to_lowercase();
        if self.extra.contains(&value) || PLACEHOLDERS.contains(&value.as_str()) {
            return true;
        }
        match kind {
            IdentifierKind::Email => is_placeholder_address(&value),
            IdentifierKind::Phone => has_one_digit_only(value.trim_start_matches('+')),
            _ => has_one_digit_only(&value.replace('-', "")),
        }
    }
}

fn is_placeholder_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return true };
    let name = domain.split('.').next().unwrap_or_default();
    let is_trial_domain = matches!(
        name,
        "test"
            | "example"
            | "none"
            | "null"
            | "undefined"
            | "fake"
            | "domain"
            | "email"
            | "mail"
            | "noemail"
    );
    PLACEHOLDER_LOCALS.contains(&local)
        && (is_trial_domain
            || matches!(
                local,
                "null" | "undefined" | "none" | "n/a" | "noreply" | "no-reply" | "donotreply"
            ))
        || (local == name && is_trial_domain)
}

/// `000…`, `fff…`, `111…`: at least three times the same character and nothing else.
fn has_one_digit_only(value: &str) -> bool {
    let mut chars = value.chars();
    let Some(first) = chars.next() else { return true };
    first.is_ascii_hexdigit() && value.len() >= 3 && chars.all(|c| c == first)
}

/// How many deletions a connection may start in a day before they stop at approval:
/// the operator's number while it holds, else three times the median of the last 30 days,
/// and never less than [`DAILY_FLOOR`].
pub fn daily_bound(switches: &Switches, last_days: &[u32], now: Instant) -> u32 {
    if let Some(guard) = switches.guard
        && switches.guard_until.is_none_or(|until| now <= until)
    {
        return guard;
    }
    let mut days = last_days.to_vec();
    days.sort_unstable();
    let median = days.get(days.len() / 2).copied().unwrap_or(0);
    DAILY_FLOOR.max(median.saturating_mul(3))
}
