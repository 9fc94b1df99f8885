//! Everything that is measured. `docs/metrics.md` lists the same, and a test compares the two.

use super::text::{Family, Kind};

macro_rules! families {
    ($($name:ident = $text:literal, $kind:ident, $help:literal;)*) => {
        $(pub(super) const $name: Family =
            Family { name: $text, kind: Kind::$kind, help: $help };)*

        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Family] = &[$($name),*];
    };
}

families! {
    BUILD = "habeas_build_info", Gauge, "1, with the version";
    UPTIME = "habeas_uptime_seconds", Gauge, "seconds since the program began to serve";
    RESIDENT_BYTES = "process_resident_memory_bytes", Gauge, "bytes of memory in use";
    CPU_SECONDS = "process_cpu_seconds_total", Counter, "seconds of processor time used";
    OPEN_FDS = "process_open_fds", Gauge, "open files and connections";

    REQUESTS = "habeas_requests", Gauge, "open privacy requests by state, counted to 100,000";
    OVERDUE = "habeas_requests_overdue", Gauge, "of these, past their due date";
    TASKS = "habeas_tasks", Gauge,
        "open tasks by connection and state, and whether they wait for a person, counted to 100,000";
    ENDED = "habeas_tasks_ended_total", Counter,
        "tasks that ended since the start, by connection, outcome and proof";
    DUE = "habeas_due", Gauge,
        "due work by connection and kind, due for at least so many seconds, counted to 100,000";
    OLDEST_DUE = "habeas_due_oldest_seconds", Gauge,
        "for how many seconds the oldest of it has been due; 0 where nothing is";
    OPEN_INTENTS = "habeas_intents_open", Gauge, "changing calls whose outcome is not known";

    PAUSED = "habeas_connection_paused", Gauge,
        "1 while a connection is paused, by a person or by a failure";
    ENGINE_PAUSED = "habeas_engine_paused", Gauge, "1 while every changing call is stopped";
    LIMIT_LEFT = "habeas_limit_left", Gauge,
        "calls that a limit lets go in this tick of it; of its instances the least";
    LIMIT_WAIT = "habeas_limit_wait_seconds", Gauge,
        "how long a limit or quota lets the next call wait; of its instances the longest";
    CALLS = "habeas_vendor_call_seconds", Histogram,
        "calls to vendors by connector, method and class of the answer";
    STEPS = "habeas_step_seconds", Histogram,
        "pieces of the engine's work by connector and step, waiting for limits included";

    LEASE_LEFT = "habeas_lease_seconds_left", Gauge,
        "until a lease ends unless it is renewed, by who holds it: this, another, nobody";
    JOURNAL = "habeas_journal_entries", Gauge, "the number of the newest entry of the journal";
    JOURNAL_AGE = "habeas_journal_newest_age_seconds", Gauge, "how old that entry is";

    UNTOLD = "habeas_delivery_waiting", Gauge,
        "what an endpoint is still to be told, or told again, counted to 100,000";
    UNTOLD_AGE = "habeas_delivery_oldest_seconds", Gauge,
        "for how many seconds the oldest of it has been known; 0 where nothing waits";
    DEAD = "habeas_delivery_dead", Gauge,
        "what was given up and can be told again by `replay`, counted to 100,000";
    DISABLED = "habeas_endpoint_disabled", Gauge,
        "1 while an endpoint is told nothing; what it shows says why";

    HTTP = "habeas_http_request_seconds", Histogram,
        "requests answered, by route, method and status";
    REFUSED = "habeas_http_refused_total", Counter,
        "requests and connections refused before they were looked at, by why";
    CONNECTIONS = "habeas_http_connections", Gauge, "connections that are open, by listener";
    SPANS = "habeas_trace_spans_total", Counter,
        "spans of traces, where they are sent: taken by the collector, or lost";
}
