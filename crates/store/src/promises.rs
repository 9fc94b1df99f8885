//! What the store promises, a file per promise. The tests speak to `Store` alone, so that they hold
//! for every driver; `setup` is the only place that knows which one it opens.

mod setup;
