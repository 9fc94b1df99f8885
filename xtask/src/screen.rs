//! What the tasks say: results on standard output, everything else on standard error.
//!
//! The only place of this crate that prints.

/// A result, on standard output.
#[expect(clippy::print_stdout, reason = "this is the one place that prints results")]
pub fn say(text: &str) {
    println!("{text}");
}

/// Progress or a complaint, on standard error.
#[expect(clippy::print_stderr, reason = "this is the one place that prints progress")]
pub fn complain(text: &str) {
    eprintln!("{text}");
}
