//! Everything that is logged in this process, at every level, by every crate.

use std::fmt;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static HEARD: Mutex<String> = Mutex::new(String::new());
static LISTENING: Once = Once::new();

/// Listens from now on.
pub(super) fn listen() {
    LISTENING.call_once(|| {
        // Where another listens already, nothing is heard, and the scenario says so.
        tracing::subscriber::set_global_default(Ear).ok();
    });
}

/// What was logged so far.
pub(super) fn heard() -> String {
    notes().clone()
}

fn notes() -> MutexGuard<'static, String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes every field of every event and span.
struct Ear;

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Noting);
        // Spans are not told apart.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Noting);
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Noting);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Noting;

impl Visit for Noting {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let line = format!("{field}={value:?}\n");
        notes().push_str(&line);
    }
}
