//! Which destinations Segment forwards deletions to, by their id in its catalog.
//!
//! From Segment's privacy FAQ and its destination catalog, read in 2026. A destination that is
//! not listed may delete all the same (its own code may handle it); it is told apart by name only
//! where Segment reports that it did not.

/// Catalog ids of the destinations that take deletions.
const DELETABLE: &[&str] = &[
    "54521fd525e721e32a72ee91", // Amplitude
    "5f7dd6d21ad74f3842b1fc47", // Amplitude (Actions)
    "54521fd925e721e32a72eecc", // Iterable
    "54efbf12db31d978f14aa8b5", // Braze
    "60f9d0d048950c356be2e4da", // Braze Cloud Mode (Actions)
    "54521fd725e721e32a72eec6", // Intercom
    "62ded0cf5753c743883ca0f3", // Intercom Cloud Mode (Actions)
    "54521fdc25e721e32a72ef04", // Webhooks, the classic ones
    "56b8444d80412f644ff12c30", // tray.io
    "554926390a20f4e22f0fb38a", // Appcues
    "54521fdc25e721e32a72ef03", // Vero
    "54521fd525e721e32a72eea8", // Customer.io
    "5f7dd78fe27ce7ff2b8bfa37", // Customer.io (Actions)
    "59d3b44b8f1480000104be6b", // Optimizely Full Stack
    "5a25e415229c250001a0a402", // Google Cloud PubSub
    "61dde0dc77eb0db0392649d3", // Friendbuy (Cloud)
    "62d9aa9899b06480f83e8a66", // Fullstory Cloud Mode (Actions)
    "60be92c8dabdd561bf6c9130", // AWS S3
];

/// Whether Segment documents that this destination takes deletions.
pub(super) fn takes_deletions(catalog_id: &str) -> bool {
    DELETABLE.contains(&catalog_id)
}
