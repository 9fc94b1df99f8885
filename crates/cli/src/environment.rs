//! The only place that reads environment variables.

use std::ffi::OsString;

use store::Secret;

/// The value of a variable, if it is set to text.
#[expect(clippy::disallowed_methods, reason = "cli reads the environment, here and nowhere else")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables by which every AWS client is told its key, region and endpoint.
pub fn of_aws() -> Vec<(String, Secret)> {
    let text = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("AWS_"))?;
        Some((name, Secret::new(value.into_string().ok()?)))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// The name of whoever runs the program, for the journal.
pub fn user() -> String {
    variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "operator".to_owned())
}
