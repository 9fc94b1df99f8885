//! What a person should know about Segment that no code needs: the connector's page in the
//! documentation is made from this and the manifest.

use connector_api::guide::{Api, Fact, Guide, Table, Trouble};

/// Segment's pages that statements rest on.
pub(super) mod page {
    pub(crate) const REGULATIONS: &str =
        "https://docs.segmentapis.com/tag/Deletion-and-Suppression";
    pub(crate) const TOKENS: &str = "https://www.twilio.com/docs/segment/api/public-api";
    pub(crate) const DELETION: &str =
        "https://www.twilio.com/docs/segment/privacy/user-deletion-and-suppression";
    pub(crate) const PRIVACY_FAQ: &str = "https://www.twilio.com/docs/segment/privacy/faq";
    pub(crate) const PROFILE_API: &str = "https://www.twilio.com/docs/segment/unify/profile-api";
    pub(crate) const CONSENT: &str =
        "https://www.twilio.com/docs/segment/privacy/consent-management/consent-in-unify";
    pub(crate) const DATA_LAKES: &str =
        "https://www.twilio.com/docs/segment/connections/storage/data-lakes";
    pub(crate) const RETENTION: &str =
        "https://www.twilio.com/docs/segment/privacy/data-retention-policy";
    // Where Segment's own documents don't show the way, a privacy platform's set-up page does.
    pub(crate) const SET_UP: &str =
        "https://docs.datagrail.io/docs/integrations/connection-instructions/segment_public";
    pub(crate) const RATE_LIMITS: &str = "https://docs.segmentapis.com/tag/Rate-Limits";
    // The calls of the Public API, version by version.
    pub(crate) const SDK: &str = "https://github.com/segmentio/public-api-sdk-typescript";
    pub(crate) const TRACKING_API: &str =
        "https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/http-api";
}

pub(super) static GUIDE: Guide = Guide {
    needs: NEEDS,
    remarks: REMARKS,
    deletion: "whole record, by user id; it can't be cancelled once it was sent",
    tables: TABLES,
    troubles: TROUBLES,
    apis: APIS,
    details: DETAILS,
};

static NEEDS: &[Fact] = &[
    Fact::documented(
        "A Workspace Owner, who creates the token: nobody else can. The Public API comes with Segment's Team and Business plans.",
        page::TOKENS,
    ),
    Fact::documented(
        "To find people by e-mail address, read their data and confirm deletions: Unify, which comes with the Business plan, and one profile access token per space. Without them only known user ids can be deleted or suppressed, and nothing can be confirmed.",
        page::PROFILE_API,
    ),
    Fact::documented(
        "For opt-outs by consent event: a source through which consent is sent, and the IDs of its consent categories. Consent on profiles is in public beta.",
        page::CONSENT,
    ),
    Fact::ours("Two workspaces, or two regions, are two connections."),
];

static REMARKS: &[Fact] = &[
    Fact::documented(
        "**It deletes by user id only.** A profile without one becomes a task by hand. An e-mail address is never used as a user id, unless the connection says that yours are made so (`user_id_from_email`). A user id that you or the requester gave is sent whether or not a profile exists; the plan says that nothing can show its effect afterwards.",
        page::PRIVACY_FAQ,
    ),
    Fact::inferred(
        "**A user id that Segment does not know is taken like any other**, and the job ends as finished: only a look at the profile tells.",
    ),
    Fact::documented(
        "**Events are readable for 14 days.** Older ones lie in your warehouse, and an access names that window.",
        page::PROFILE_API,
    ),
    Fact::inferred(
        "**Archives, warehouses and S3 copies can't be searched**: no call does it. \"Nothing found\" names the spaces that were.",
    ),
    Fact::documented("**Data Lakes are not covered** by a deletion.", page::DATA_LAKES),
    Fact::documented(
        "**Objects of cloud sources come back** with the next sync while the source has them: delete an object in its own system first.",
        page::RETENTION,
    ),
    Fact::documented(
        "**Destinations differ.** Some can't delete; the plan names them before you approve, and what is left there becomes a task for a person. \"Finished\" for a destination means that the deletion was handed over: Segment does not check that it was carried out.",
        page::PRIVACY_FAQ,
    ),
    Fact::documented(
        "**Destinations in device mode are not suppressed**: they get data straight from the device.",
        page::DELETION,
    ),
    Fact::documented(
        "**A failed job need not mean that Segment kept the data**: a destination that can't delete is enough. Habeas reads each destination by itself and looks at the profile.",
        page::DELETION,
    ),
    Fact::documented(
        "**A suppression takes hold mostly within 24 hours**, in some cases after up to 30 days; so does its end.",
        page::DELETION,
    ),
    Fact::documented(
        "**Recorded consent can't be read back**, so an opt-out by consent event stays *unproven*. Segment enforces consent event by event: your other websites, apps and servers that send to Segment must attach it to the person's events too.",
        page::CONSENT,
    ),
];

static TABLES: &[Table] = &[Table {
    head: &["`deletion_type`", "new data", "tells destinations", "monthly quota"],
    rows: &[
        &["`SUPPRESS_WITH_DELETE`", "refused for good", "yes", "Segment & Destination"],
        &["`DELETE_ONLY`", "taken again: the person may come back", "yes", "Segment & Destination"],
        &["`SUPPRESS_WITH_DELETE_INTERNAL`", "refused for good", "no", "Segment-only"],
        &["`DELETE_INTERNAL`", "taken again", "no", "Segment-only"],
    ],
    note: Fact::documented(
        "Without the setting it is the first. The two `INTERNAL` ones are for when each destination is connected to Habeas by itself. Each quota is 110,000 users a calendar month; the other two may cause charges by your destinations.",
        page::DELETION,
    ),
}];

static TROUBLES: &[Trouble] = &[
    Trouble {
        seen: "`token` is missing",
        meaning: "mistyped, revoked, or of the other region",
        remedy: "create a new one; compare the region",
    },
    Trouble {
        seen: "`workspace` is missing",
        meaning: "the token leads to another workspace than the one entered",
        remedy: "compare the workspace ID; create the token in the workspace that is meant",
    },
    Trouble {
        seen: "`privacy` is missing",
        meaning: "the token's role may not create regulations",
        remedy: "a token with *End User Privacy Admin* or *Workspace Owner*",
    },
    Trouble {
        seen: "`profile` is missing",
        meaning: "the token of that space was refused",
        remedy: "generate a new one in that space",
    },
    Trouble {
        seen: "a note names a space that was not entered",
        meaning: "people there are not looked up",
        remedy: "enter it, with its token",
    },
    Trouble {
        seen: "\"needs a user_id\"",
        meaning: "the person is known, or given, without one",
        remedy: "look it up in your records: `habeas request add-identifier ID user_id VALUE`",
    },
    Trouble {
        seen: "done with residue",
        meaning: "a destination kept what it has",
        remedy: "do what the task says there, then `habeas task settle TASK done --note TEXT`",
    },
    Trouble {
        seen: "refuted",
        meaning: "Segment says finished, the person is still there after seven days",
        remedy: "`habeas task retry TASK`, or ask Segment's support with the job's id",
    },
    Trouble {
        seen: "waits until the first of the month",
        meaning: "Segment's monthly quota is used up",
        remedy: "nothing: it goes on by itself. Segment's support can raise the Segment-only one",
    },
    Trouble {
        seen: "expired",
        meaning: "Segment did not finish within 30 days",
        remedy: "ask its support with the job's id, then `habeas task retry TASK`",
    },
    Trouble {
        seen: "the connection is paused",
        meaning: "its credentials were rejected, or a permission is gone",
        remedy: "the message says what to do; then `habeas connections test NAME`",
    },
];

static APIS: &[Api] = &[
    Api {
        base: "public_api",
        title: "Public API",
        used_for: "check, deletion, suppression",
        permissions: &["token", "workspace", "privacy", "sources", "destinations", "spaces"],
        docs_url: page::REGULATIONS,
    },
    Api {
        base: "profile_api",
        title: "Profile API",
        used_for: "looking up, reading, confirming",
        permissions: &["profile"],
        docs_url: page::PROFILE_API,
    },
    Api {
        base: "tracking_api",
        title: "HTTP Tracking API",
        used_for: "consent events",
        permissions: &["write_key"],
        docs_url: page::TRACKING_API,
    },
];

static DETAILS: &[Fact] = &[
    Fact::documented(
        "Segment grants itself 30 days for a deletion in its own stores, below 110,000 users a calendar month. Warehouses, S3 and destinations are not part of that.",
        page::DELETION,
    ),
    Fact::documented(
        "Segment shows a job for 90 days. What it answered is kept as evidence long before.",
        page::REGULATIONS,
    ),
    Fact::ours(
        "After a lost answer the regulations are listed to the end of the list, four times, before one counts as not made and is sent again. One reading serves all answers that were lost.",
    ),
    Fact::ours("One reading of the suppression list serves everybody whose look is due."),
    Fact::ours(
        "Any other external-id type of a space is taken as `id.TYPE`. Ids of browsers and devices are deleted with their person, but never followed to another profile.",
    ),
    Fact::documented(
        "The Public API's own limit is not published: its headers decide, and the figure above is only a bound of ours.",
        page::RATE_LIMITS,
    ),
    Fact::documented(
        "A deletion can't be cancelled: the call for it left the Public API with version 73.0.0 of 26 March 2026.",
        page::SDK,
    ),
    Fact::ours("The write key can't be tested without writing: the first consent event tells."),
];
