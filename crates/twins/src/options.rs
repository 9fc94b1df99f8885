//! What a set of twins is made of: one value, given once.

use jiff::Timestamp;

/// How the twins start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything invented (people, ids, tokens, times of jobs) follows from this number.
    pub seed: u64,
    /// How many people the population has.
    pub people: usize,
    /// How many of them, the first, are gone before it begins: a long history needs only those in memory
    /// that are still to come.
    pub gone: usize,
    /// Leave out the odd people: everybody has one user id, two anonymous ids, one e-mail address
    /// and one phone number in the first space.
    pub regular_only: bool,
    /// The first port; `None` takes free ones. The listeners follow in the order in which
    /// [`crate::Serving::description`] names them, control last.
    pub port_base: Option<u16>,
    /// Where virtual time starts.
    pub start_at: Timestamp,
    /// Whether virtual time stands still at first, rather than running with the real clock. Two
    /// runs are the same only so.
    pub idle: bool,
    /// Whether rate limits and quotas are kept at first (a switch changes it later).
    pub limits: bool,
    /// How long each call takes at least, in real milliseconds (a switch changes it later).
    pub latency_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        // A fixed day rather than today: two runs with the same options are the same run.
        let start_at = Timestamp::constant(1_788_250_000, 0);
        Options {
            seed: 1,
            people: 200,
            gone: 0,
            regular_only: false,
            port_base: None,
            start_at,
            idle: false,
            limits: true,
            latency_ms: 0,
        }
    }
}
