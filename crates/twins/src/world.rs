//! What all twins share, and the services over it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::calls::Calls;
use crate::clock::{Clock, Jump, Mode};
use crate::faults::Faults;
use crate::options::Options;
use crate::segment::{self, BaseUrls, Callback, Desk};
use crate::{control, front};

/// The shared state: one clock, one plan of faults, one set of counters, each vendor's own state.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) segment: Desk,
}

impl World {
    /// How long a call to `vendor` takes at least, if set.
    pub(crate) fn latency(&self, vendor: &str) -> Option<Duration> {
        match vendor {
            "segment" => self.segment.latency(),
            _ => None,
        }
    }

    /// Lets the clock jump as far as it may, doing what the twins have to do on the way.
    pub(crate) fn settle(self: &Arc<World>) {
        while self.clock.try_jump(self.segment.next_event()) == Jump::ToEvent {
            self.catch_up();
        }
    }

    /// Brings the twins up to the present and starts what they have to post.
    pub(crate) fn catch_up(self: &Arc<World>) {
        let callbacks = self.segment.advance(self.clock.now());
        if !callbacks.is_empty() {
            self.post(callbacks);
        }
    }

    /// Everything as at the start; the same seed gives the same world.
    pub(crate) fn reset(&self) {
        self.faults.reset();
        self.calls.reset();
        self.clock.reset(self.options.start_at, first_mode(&self.options));
        self.segment.reset(&self.options);
    }

    /// Posts callbacks; the clock stands until they are delivered, so that whoever gets one can say
    /// that it works before time goes on.
    fn post(self: &Arc<World>, callbacks: Vec<Callback>) {
        self.clock.hold();
        let world = Arc::clone(self);
        tokio::spawn(async move {
            for callback in callbacks {
                callback.post().await;
            }
            world.clock.release();
        });
    }
}

fn first_mode(options: &Options) -> Mode {
    if options.idle { Mode::Idle } else { Mode::Paced }
}

/// All twins in this process, as services over one state.
#[derive(Clone)]
pub struct Twins {
    pub(crate) world: Arc<World>,
}

impl Twins {
    /// Makes the twins and their population. No socket, no thread.
    pub fn new(options: Options) -> Twins {
        let world = World {
            clock: Clock::new(options.start_at, first_mode(&options)),
            faults: Faults::new(options.seed),
            calls: Calls::default(),
            segment: Desk::new(&options),
            options,
        };
        Twins { world: Arc::new(world) }
    }

    /// Segment's Public API.
    pub fn public_api(&self) -> Router {
        front::router(Arc::clone(&self.world), segment::PUBLIC_API)
    }

    /// Segment's Profile API.
    pub fn profile_api(&self) -> Router {
        front::router(Arc::clone(&self.world), segment::PROFILE_API)
    }

    /// Segment's Tracking API.
    pub fn tracking_api(&self) -> Router {
        front::router(Arc::clone(&self.world), segment::TRACKING_API)
    }

    /// The control interface: clock, faults, switches, counters, population.
    pub fn control(&self) -> Router {
        control::router(Arc::clone(&self.world))
    }

    /// Addresses, credentials and subjects: the one line of `habeas twins --json`. `base_url` gives
    /// the address under which the caller reaches an API, by vendor and name; the control interface
    /// is `("control", "control")`.
    pub fn description(&self, base_url: impl Fn(&str, &str) -> String) -> Value {
        let base_urls = BaseUrls {
            public_api: base_url("segment", "public_api"),
            profile_api: base_url("segment", "profile_api"),
            tracking_api: base_url("segment", "tracking_api"),
        };
        json!({
            "segment": self.world.segment.describe(&base_urls),
            "control": {"base_url": base_url("control", "control")},
        })
    }

    /// The virtual time.
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Moves virtual time on, as `POST /clock` does; `false` when it can't go that far.
    /// Where a switch says that webhooks are posted, this needs a runtime to post them on.
    pub fn advance(&self, length: SignedDuration) -> bool {
        let moved = self.world.clock.advance(length).is_ok();
        self.world.catch_up();
        moved
    }
}
