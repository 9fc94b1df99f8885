//! Leaves the terminal as it was found: a prompt that is broken off would leave it without echo or
//! cursor.

use std::io::{self, IsTerminal, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// How the terminal was before anything was asked.
pub struct Terminal {
    was: Option<Termios>,
}

impl Terminal {
    /// Remembers how it is now.
    pub fn remember() -> Self {
        Self { was: tcgetattr(io::stdin()).ok() }
    }

    /// Puts it back.
    pub fn restore(&self) {
        const SHOW_CURSOR: &[u8] = b"\x1b[?25h\n";
        if let Some(was) = &self.was {
            // Where this fails the terminal is gone, and nobody is left to be helped.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, was);
        }
        if io::stderr().is_terminal() {
            let _ = io::stderr().lock().write_all(SHOW_CURSOR);
        }
    }
}
