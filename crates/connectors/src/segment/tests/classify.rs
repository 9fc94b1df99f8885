//! Statuses, headers and error bodies, endpoint by endpoint.

use connector_api::{Answer, Connector, Limit, VendorError};
use domain::Instant;
use serde_json::json;

use super::case::{answer, now};
use crate::segment::client::{
    CREATE_REGULATION, DESTINATIONS, ENDPOINTS, EXTERNAL_IDS, REGULATION, SOURCES, SPACES,
    SUPPRESSIONS, TRACK_BATCH, WORKSPACE,
};
use crate::segment::{Segment, manifest::MANIFEST};

fn limited(headers: &[(&str, &str)], body: &serde_json::Value) -> Answer {
    let mut answer = answer(429, body);
    answer.headers =
        headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    answer
}

fn until(endpoint: &connector_api::Endpoint, answer: &Answer) -> (bool, Option<Instant>) {
    match Segment.classify(endpoint, answer, now()) {
        Err(VendorError::Throttled { limit, until }) => (matches!(limit, Limit::Quota(_)), until),
        other => panic!("not throttled: {other:?}"),
    }
}

fn at(text: &str) -> Option<Instant> {
    Some(text.parse().unwrap())
}

#[test]
fn every_endpoint_lies_under_a_base_and_a_limit_of_the_manifest() {
    for endpoint in ENDPOINTS {
        assert!(MANIFEST.limits.iter().any(|it| it.name == endpoint.limit), "{}", endpoint.name);
        for region in MANIFEST.regions {
            assert!(region.base_urls.iter().any(|(name, _)| *name == endpoint.base));
        }
    }
}

#[test]
fn a_refusal_means_bad_credentials_only_where_any_good_token_works() {
    for status in [401, 403] {
        let refused = answer(status, &json!({"errors": [{"type": "unauthorized"}]}));
        let classify = |endpoint| Segment.classify(endpoint, &refused, now()).unwrap_err();
        assert!(matches!(classify(&WORKSPACE), VendorError::CredentialsRejected { .. }));
        assert!(
            matches!(classify(&EXTERNAL_IDS), VendorError::CredentialsRejected { what } if what.contains("profile token"))
        );
        assert!(matches!(classify(&TRACK_BATCH), VendorError::CredentialsRejected { .. }));
        for (endpoint, permission) in [
            (&CREATE_REGULATION, "privacy"),
            (&REGULATION, "privacy"),
            (&SUPPRESSIONS, "privacy"),
            (&SOURCES, "sources"),
            (&DESTINATIONS, "destinations"),
            (&SPACES, "spaces"),
        ] {
            assert_eq!(classify(endpoint), VendorError::PermissionMissing { which: permission });
            assert!(MANIFEST.permission(permission).is_some());
        }
    }
}

#[test]
fn a_fault_loses_the_answer_of_a_change_and_nothing_of_a_read() {
    for status in [500, 502, 503, 504] {
        let fault = answer(status, &json!({}));
        assert!(matches!(
            Segment.classify(&EXTERNAL_IDS, &fault, now()),
            Err(VendorError::Transient { .. })
        ));
        assert!(matches!(
            Segment.classify(&CREATE_REGULATION, &fault, now()),
            Err(VendorError::AnswerLost { .. })
        ));
    }
}

#[test]
fn a_good_status_with_an_unreadable_body_is_no_success() {
    for body in ["<html>Sign in</html>", "{\"data\":{\"regul", ""] {
        let cut = Answer { status: 200, headers: Vec::new(), body: body.into() };
        assert!(matches!(
            Segment.classify(&REGULATION, &cut, now()),
            Err(VendorError::ContractBroken { .. })
        ));
        assert!(matches!(
            Segment.classify(&CREATE_REGULATION, &cut, now()),
            Err(VendorError::AnswerLost { .. })
        ));
        assert_eq!(
            Segment.classify(&TRACK_BATCH, &cut, now()),
            Ok(()),
            "its status is all that counts"
        );
    }
}

#[test]
fn only_segments_own_404_is_absence() {
    let profile =
        answer(404, &json!({"error": {"code": "not_found", "message": "Profile was not found."}}));
    assert_eq!(Segment.classify(&EXTERNAL_IDS, &profile, now()), Ok(()));
    let regulation = answer(404, &json!({"errors": [{"type": "not-found", "data": null}]}));
    assert_eq!(Segment.classify(&REGULATION, &regulation, now()), Ok(()));
    assert!(matches!(
        Segment.classify(&SUPPRESSIONS, &regulation, now()),
        Err(VendorError::ContractBroken { .. })
    ));
    assert!(
        matches!(
            Segment.classify(&CREATE_REGULATION, &regulation, now()),
            Err(VendorError::PermissionMissing { which: "privacy" })
        ),
        "a change that Segment itself says was not made need not be looked for, nor split"
    );
    for body in [json!({}), json!("no such host"), json!(null)] {
        let proxy = answer(404, &body);
        assert!(matches!(
            Segment.classify(&CREATE_REGULATION, &proxy, now()),
            Err(VendorError::AnswerLost { .. })
        ));
        assert!(matches!(
            Segment.classify(&EXTERNAL_IDS, &proxy, now()),
            Err(VendorError::ContractBroken { .. })
        ));
    }
}

#[test]
fn a_refused_body_is_invalid_and_its_words_are_not_repeated() {
    for status in [400, 409, 413, 422] {
        let refused = answer(
            status,
            &json!({"errors": [{"type": "input-validation", "message": "ana@example.com is no id"}]}),
        );
        let error = Segment.classify(&CREATE_REGULATION, &refused, now()).unwrap_err();
        assert!(matches!(error, VendorError::Invalid { .. }));
        assert!(!error.to_string().contains("ana@"));
    }
}

#[test]
fn a_hint_says_when_to_come_back_in_whatever_form_it_is_given() {
    let points = json!({"errors": [{"type": "RequestError", "message": "Too many requests",
        "data": {"remainingPoints": 0, "msBeforeNext": 31250, "consumedPoints": 601}}]});
    for (headers, body, expected) in [
        (&[("retry-after", "20")][..], &points, at("2026-09-01T08:15:50Z")),
        (&[], &points, at("2026-09-01T08:16:01.250Z")),
        (
            &[("x-ratelimit-reset", "Tue, 01 Sep 2026 08:17:00 GMT")],
            &json!({}),
            at("2026-09-01T08:17:00Z"),
        ),
        (&[("x-ratelimit-reset", "2026-09-01T08:18:00Z")], &json!({}), at("2026-09-01T08:18:00Z")),
        (&[("x-ratelimit-reset", "42")], &json!({}), at("2026-09-01T08:16:12Z")),
        (
            &[("retry-after", "Tue, 01 Sep 2026 08:19:00 GMT")],
            &json!({}),
            at("2026-09-01T08:19:00Z"),
        ),
        (&[("retry-after", "soon")], &json!({}), None),
        (&[], &json!({}), None),
    ] {
        assert_eq!(until(&SOURCES, &limited(headers, body)), (false, expected));
    }
}

#[test]
fn an_exhausted_quota_parks_until_the_month_is_over_and_a_rate_limit_does_not() {
    const MONTH_END: (&str, &str) = ("x-ratelimit-reset", "Wed, 30 Sep 2026 23:59:59 GMT");
    let end = at("2026-09-30T23:59:59Z");
    let quota =
        |headers: &[(&str, &str)], body| until(&CREATE_REGULATION, &limited(headers, &body));
    assert_eq!(quota(&[("x-ratelimit-remaining", "0"), MONTH_END], json!({})), (true, end));
    assert_eq!(
        quota(&[("retry-after", "30"), ("x-ratelimit-remaining", "0"), MONTH_END], json!({})),
        (true, end)
    );
    assert_eq!(quota(&[MONTH_END], json!({})), (true, end));
    let days = json!({"errors": [{"data": {"msBeforeNext": 172_800_000}}]});
    assert_eq!(quota(&[], days), (true, at("2026-09-03T08:15:30Z")));
    assert_eq!(
        quota(&[("retry-after", "30"), ("x-ratelimit-remaining", "109000"), MONTH_END], json!({})),
        (false, at("2026-09-01T08:16:00Z"))
    );
    assert_eq!(quota(&[("x-ratelimit-remaining", "109000"), MONTH_END], json!({})), (false, None));
    assert_eq!(quota(&[], json!({})), (false, None));
}

#[test]
fn a_used_up_rate_rests_until_its_reset_but_the_quotas_headers_do_not_count() {
    let mut good = answer(200, &json!({"data": {}}));
    good.headers = vec![
        ("x-ratelimit-remaining".into(), "0".into()),
        ("x-ratelimit-reset".into(), "Tue, 01 Sep 2026 08:16:00 GMT".into()),
    ];
    assert_eq!(Segment.rest_until(&SOURCES, &good, now()), at("2026-09-01T08:16:00Z"));
    assert_eq!(Segment.rest_until(&CREATE_REGULATION, &good, now()), None);
}
