//! Everything about the connector that is data.

use std::time::Duration;

use connector_api::Manifest;
use connector_api::guide::Fact;
use connector_api::manifest::{
    Batch, Cadence, Capability, Field, FieldKind, LimitRule, Permission, Region,
};
use domain::{IdentifierKind, Right};

use super::guide::{GUIDE, page};
use super::settings::{
    CONSENT_SCOPES, DELETION_TYPES, SUPPRESS_ONLY, UNSUPPRESS, USER_IDS_FROM_EMAIL,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

pub(super) static MANIFEST: Manifest = Manifest {
    name: "segment",
    title: "Twilio Segment",
    category: "customer data platform",
    summary: "Finds and reads people in Unify spaces, deletes and suppresses them in the workspace and its destinations, and records their consent.",
    docs_url: "https://docs.segmentapis.com",
    fields: FIELDS,
    regions: REGIONS,
    capabilities: CAPABILITIES,
    permissions: PERMISSIONS,
    limits: LIMITS,
    takes: &[
        IdentifierKind::UserId,
        IdentifierKind::Email,
        IdentifierKind::Phone,
        IdentifierKind::AnonymousId,
        IdentifierKind::AdvertisingId,
    ],
    cadence: CADENCE,
    alarm: Duration::from_secs(25 * DAY),
    longest: Duration::from_secs(30 * DAY),
    looks: &[
        Duration::ZERO,
        Duration::from_secs(HOUR),
        Duration::from_secs(6 * HOUR),
        Duration::from_secs(DAY),
        Duration::from_secs(3 * DAY),
        Duration::from_secs(7 * DAY),
    ],
    confirmed_together: &[SUPPRESS_ONLY, UNSUPPRESS],
    rechecks: &[Duration::from_secs(7 * DAY), Duration::from_secs(30 * DAY)],
    // 5,000 ids or 4 MB a call, less what surrounds the ids. The weight of a consent event is
    // counted in shares of this, since the Tracking API takes less (see `plan`).
    batch: Batch { items: 5_000, bytes: 3_999_000 },
    reconcile_lag: Duration::from_secs(120),
    guide: &GUIDE,
};

static FIELDS: &[Field] = &[
    Field {
        key: "region",
        title: "Data residency",
        found: None,
        help: "Where the workspace's data lies, as chosen when the workspace was made. A token of one region is unknown in the other.",
        kind: FieldKind::Choice(&["us", "eu"]),
        required: true,
    },
    Field {
        key: "workspace_id",
        title: "Workspace ID",
        found: Some(Fact::documented(
            "Settings ▸ Workspace settings ▸ General settings, under the workspace's name.",
            page::SET_UP,
        )),
        help: "Compared with what the token leads to now, daily, and before every change, so that nobody is deleted in another workspace.",
        kind: FieldKind::Text,
        required: true,
    },
    Field {
        key: "token",
        title: "Public API token",
        found: Some(Fact::documented(
            "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token: a description, Workspace Owner or narrower roles, Create. Only a Workspace Owner can do this; the token is shown once.",
            page::TOKENS,
        )),
        help: "Workspace Owner may do everything. Narrower: End User Privacy Admin to delete and suppress, Source Read-only to see destinations, Unify and Engage Read-only to notice spaces that were not entered.",
        kind: FieldKind::Secret,
        required: true,
    },
    Field {
        key: "spaces",
        title: "Space IDs",
        found: Some(Fact::documented(
            "Unify ▸ Unify settings ▸ API access, one per space.",
            page::PROFILE_API,
        )),
        help: "The spaces in which people are looked up. Without a space and its token nobody can be looked up by e-mail, read, or confirmed: only known user ids can be deleted or suppressed.",
        kind: FieldKind::List,
        required: false,
    },
    Field {
        key: "profile_token",
        title: "Profile access token",
        found: Some(Fact::documented(
            "the same page, one per space ▸ Generate token: a name and your account's password. Shown once; confirm that you wrote it down.",
            page::PROFILE_API,
        )),
        help: "Lets people of that space be looked up, read and confirmed.",
        kind: FieldKind::SecretPer("spaces"),
        required: false,
    },
    Field {
        key: "user_id_from_email",
        title: "User ids made from e-mail",
        found: None,
        help: "Where your user ids are e-mail addresses, or the MD5 or SHA-256 of one in lower case: people given by e-mail are then looked up by that user id as well, one call more a person and space. It counts only where a profile has it; one that lists other addresses only is left to a person. Left empty, it is not tried.",
        kind: FieldKind::Choice(USER_IDS_FROM_EMAIL),
        required: false,
    },
    Field {
        key: "deletion_type",
        title: "Way of deleting",
        found: None,
        help: "SUPPRESS_WITH_DELETE also stops new data for good; DELETE_ONLY lets a person come back; the two INTERNAL ones tell no destination, for when each destination is connected by itself.",
        kind: FieldKind::Choice(DELETION_TYPES),
        required: false,
    },
    Field {
        key: "opt_out_by",
        title: "Way of opting out",
        found: None,
        help: "consent_event records the refusal per consent category and needs a write key, categories and a space; suppress_only stops all data of the person. Left empty, the consent event is used where it is possible.",
        kind: FieldKind::Choice(&["consent_event", "suppress_only"]),
        required: false,
    },
    Field {
        key: "write_key",
        title: "Write key",
        found: Some(Fact::inferred(
            "the source that consent is sent through ▸ Settings ▸ API keys.",
        )),
        help: "For opt-outs by consent event.",
        kind: FieldKind::Secret,
        required: false,
    },
    Field {
        key: "consent_categories",
        title: "Consent category IDs",
        found: Some(Fact::inferred(
            "Privacy ▸ Consent management, the ID of the category, one for each scope that you serve.",
        )),
        help: "For opt-outs by consent event. A scope without one can't be opted out of this way and is left to a person.",
        kind: FieldKind::Table(CONSENT_SCOPES),
        required: false,
    },
];

static REGIONS: &[Region] = &[
    Region {
        name: "us",
        base_urls: &[
            ("public_api", "https://api.segmentapis.com"),
            ("profile_api", "https://profiles.segment.com"),
            ("tracking_api", "https://api.segment.io"),
        ],
    },
    Region {
        name: "eu",
        base_urls: &[
            ("public_api", "https://eu1.api.segmentapis.com"),
            ("profile_api", "https://profiles.euw1.segment.com"),
            ("tracking_api", "https://events.eu1.segmentapis.com"),
        ],
    },
];

static CAPABILITIES: &[Capability] = &[
    Capability {
        right: Right::Access,
        is_asynchronous: false,
        summary: "Reads traits, external ids, events of the last 14 days, links and metadata of every profile, in every space.",
    },
    Capability {
        right: Right::Deletion,
        is_asynchronous: true,
        summary: "Deletes by user id in Segment and, unless an INTERNAL type is chosen, forwards the deletion to destinations; Segment takes up to 30 days.",
    },
    Capability {
        right: Right::OptOut,
        is_asynchronous: true,
        summary: "Records a refusal per consent category, at once, or suppresses all new data of the person, mostly within 24 hours.",
    },
    Capability {
        right: Right::OptIn,
        is_asynchronous: true,
        summary: "Takes an opt-out back in the same way.",
    },
];

static PERMISSIONS: &[Permission] = &[
    Permission {
        name: "token",
        required: true,
        lost: "everything: Segment does not take the token. It is mistyped, was revoked, or belongs to a workspace of the other region",
        grant: "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token; and make sure that the region is the workspace's",
    },
    Permission {
        name: "workspace",
        required: true,
        lost: "everything: the token leads to another workspace than the one that was entered",
        grant: "compare the workspace ID under Settings ▸ Workspace settings ▸ General settings, or create the token in the workspace that is meant",
    },
    Permission {
        name: "privacy",
        required: true,
        lost: "deletion and suppression",
        grant: "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token with the role End User Privacy Admin, or Workspace Owner",
    },
    Permission {
        name: "sources",
        required: false,
        lost: "the data map's view of what sends data into Segment",
        grant: "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token with the role Source Read-only as well",
    },
    Permission {
        name: "destinations",
        required: false,
        lost: "telling before a deletion which destinations can't delete",
        grant: "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token with the role Source Read-only as well",
    },
    Permission {
        name: "spaces",
        required: false,
        lost: "noticing spaces that were not entered here, where people would not be looked up",
        grant: "Settings ▸ Workspace settings ▸ Access management ▸ Tokens ▸ Create token with the role Unify and Engage Read-only as well (needs a plan with Unify)",
    },
    Permission {
        name: "profile",
        required: false,
        lost: "looking people up by e-mail, reading their data, and confirming deletions in this space",
        grant: "Unify ▸ Unify settings ▸ API access ▸ Generate token, in this space",
    },
    Permission {
        name: "write_key",
        required: false,
        lost: "opting people out by a consent event",
        grant: "the source that consent is sent through ▸ Settings ▸ API keys",
    },
];

static LIMITS: &[LimitRule] = &[
    // Segment publishes no number for the Public API: its headers decide.
    LimitRule { name: "public_api", calls: 100_000, per: Duration::from_secs(60) },
    LimitRule { name: "regulations", calls: 600, per: Duration::from_secs(60) },
    LimitRule { name: "profile_api", calls: 100, per: Duration::from_secs(1) },
    LimitRule { name: "tracking_api", calls: 1_000, per: Duration::from_secs(1) },
];

static CADENCE: &[Cadence] = &[
    Cadence { from_age: Duration::ZERO, every: Duration::from_secs(HOUR) },
    Cadence { from_age: Duration::from_secs(HOUR), every: Duration::from_secs(6 * HOUR) },
    Cadence { from_age: Duration::from_secs(3 * DAY), every: Duration::from_secs(DAY) },
];
