//! The only place that reads environment variables.

/// The value of a variable, if it is set to text.
#[expect(clippy::disallowed_methods, reason = "cli reads the environment, here and nowhere else")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The name of whoever runs the program, for the journal.
pub fn user() -> String {
    variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "operator".to_owned())
}
