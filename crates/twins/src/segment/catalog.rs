//! The workspace's sources, destinations and warehouses. Catalog ids, names and which destinations
//! can delete are the vendor's (2.3, 3.7); everything else is invented.

use rand::Rng;

use super::ids::base62;

/// Places in the list of sources; seeded people have data in them.
pub(super) const WEB: usize = 0;
pub(super) const SERVER: usize = 1;
pub(super) const IOS: usize = 2;
pub(super) const ANDROID: usize = 3;
pub(super) const PORTAL: usize = 4;

/// An entry of the vendor's catalog.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatalogEntry {
    pub(super) id: &'static str,
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) website: &'static str,
}

pub(super) struct Source {
    pub(super) id: String,
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) write_key: String,
    pub(super) entry: CatalogEntry,
    /// The space that takes its data.
    pub(super) space: Option<usize>,
}

/// What a destination makes of a delete message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    Supported,
    /// Supported, but its secret key is missing until the switch `deletion_configured` is set.
    Unconfigured,
    NotSupported,
}

pub(super) struct Destination {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) source: usize,
    pub(super) is_enabled: bool,
    pub(super) entry: CatalogEntry,
    pub(super) deletion: Deletion,
    /// May run in the browser or app, where suppression does not reach.
    pub(super) has_device_mode: bool,
}

/// The classic webhook, which gets delete messages.
pub(super) const WEBHOOKS: CatalogEntry = CatalogEntry {
    id: "54521fdc25e721e32a72ef04",
    slug: "webhooks",
    name: "Webhooks",
    category: "Raw Data",
    website: "https://segment.com/docs/destinations/webhooks",
};

const AMPLITUDE: CatalogEntry = CatalogEntry {
    id: "54521fd525e721e32a72ee91",
    slug: "amplitude",
    name: "Amplitude",
    category: "Analytics",
    website: "http://amplitude.com",
};

const BRAZE: CatalogEntry = CatalogEntry {
    id: "54efbf12db31d978f14aa8b5",
    slug: "braze",
    name: "Braze",
    category: "SMS & Push Notifications",
    website: "https://www.braze.com",
};

const CUSTOMER_IO: CatalogEntry = CatalogEntry {
    id: "54521fd525e721e32a72eea8",
    slug: "customer-io",
    name: "Customer.io",
    category: "Email Marketing",
    website: "http://customer.io",
};

const INTERCOM: CatalogEntry = CatalogEntry {
    id: "54521fd725e721e32a72eec6",
    slug: "intercom",
    name: "Intercom",
    category: "Livechat",
    website: "http://intercom.com",
};

const ANALYTICS_4: CatalogEntry = CatalogEntry {
    id: "60ad61f9ff47a16b8fb7b5d9",
    slug: "actions-google-analytics-4-web",
    name: "Google Analytics 4 Web",
    category: "Analytics",
    website: "https://marketingplatform.google.com/about/analytics",
};

const HOTJAR: CatalogEntry = CatalogEntry {
    id: "54521fd725e721e32a72eeb8",
    slug: "hotjar",
    name: "Hotjar",
    category: "Heatmaps & Recordings",
    website: "https://www.hotjar.com",
};

pub(super) const POSTGRES: CatalogEntry = CatalogEntry {
    id: "55d3d3aea3c",
    slug: "postgres",
    name: "Postgres",
    category: "Warehouse",
    website: "https://www.postgresql.org",
};

/// The sources, in the order of the constants above.
pub(super) fn sources(rng: &mut impl Rng) -> Vec<Source> {
    let mut source = |slug, name, id, kind, category, space| Source {
        id: base62(rng, 22),
        slug,
        name,
        write_key: base62(rng, 32),
        entry: CatalogEntry {
            id,
            slug: kind,
            name: category_name(kind),
            category,
            website: "https://segment.com",
        },
        space,
    };
    vec![
        source("storefront_web", "Storefront web", "IqDTy1TpoU", "javascript", "Website", Some(0)),
        source("shop_backend", "Shop backend", "CDMGO2NqnI", "http-api", "Server", Some(0)),
        source("ios_app", "iOS app", "UBrsG9RVzw", "ios", "Mobile", Some(0)),
        source("android_app", "Android app", "UZ7w8vXYEO", "android", "Mobile", Some(0)),
        source("dealer_portal", "Dealer portal", "CDMGO2NqnI", "http-api", "Server", Some(1)),
        source("crm_salesforce", "CRM", "2baks93n", "salesforce", "CRM", None),
    ]
}

fn category_name(kind: &str) -> &'static str {
    match kind {
        "javascript" => "Javascript",
        "http-api" => "HTTP API",
        "ios" => "iOS",
        "android" => "Android",
        _ => "Salesforce",
    }
}

/// The destinations. Those of the web and backend sources can all delete, so that a person who has
/// data only there leaves no residue.
pub(super) fn destinations(rng: &mut impl Rng) -> Vec<Destination> {
    use Deletion::{NotSupported, Supported, Unconfigured};
    let mut destination = |name, source, entry, deletion, has_device_mode| Destination {
        id: base62(rng, 22),
        name,
        source,
        is_enabled: true,
        entry,
        deletion,
        has_device_mode,
    };
    let mut all = vec![
        destination("Amplitude web", WEB, AMPLITUDE, Supported, true),
        destination("Braze", WEB, BRAZE, Supported, false),
        destination("Hotjar trial", WEB, HOTJAR, NotSupported, true),
        destination("Data hook", SERVER, WEBHOOKS, Supported, false),
        destination("Customer.io", SERVER, CUSTOMER_IO, Supported, false),
        destination("Intercom iOS", IOS, INTERCOM, Supported, true),
        destination("GA4 app", IOS, ANALYTICS_4, NotSupported, true),
        destination("Amplitude Android", ANDROID, AMPLITUDE, Unconfigured, true),
        destination("Intercom dealers", PORTAL, INTERCOM, Supported, false),
    ];
    for destination in &mut all {
        destination.is_enabled = destination.entry.slug != HOTJAR.slug;
    }
    all
}

/// Whether the catalog's source is a cloud app, whose objects are addressed by `OBJECT_ID`.
pub(super) fn is_cloud(source: &Source) -> bool {
    source.entry.category == "CRM"
}
