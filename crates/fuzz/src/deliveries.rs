//! Where webhooks go, and what the other side answers.
//!
//! A line with a URL, then a `Retry-After`. A URL that is allowed leads to a public host over TLS, unless
//! it may be private, and is never shown with what may be secret in it; no answer stops deliveries for
//! longer than a day, or makes them come at once.

use std::net::{IpAddr, Ipv4Addr};

use domain::telling::{Attempt, Delivery, Verdict};
use domain::{EndpointId, Instant};
use engine::telling::{address, retry_after};
use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;
use reqwest::Url;

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "deliveries",
    play,
    seeds,
    words: &[
        "https://",
        "http://",
        "localhost",
        "127.1",
        "0x7f000001",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "@",
        "%2e",
        "Tue, 1 Sep 2026 09:00:00 GMT",
        "4294967295",
    ],
};

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (url, after) = text.split_once('\n').unwrap_or((&text, ""));
    leads_to_the_public(url);
    comes_again(after);
}

fn leads_to_the_public(text: &str) {
    hides(&address::shortened(text).replace(&host_of(text), ""));
    match address::check(text, false) {
        Err(refused) => hides(&refused.to_string()),
        Ok(url) => {
            assert_eq!(url.scheme(), "https");
            let host = url.host_str().unwrap().to_owned();
            let name = host.trim_end_matches('.');
            assert!(name != "localhost" && !name.ends_with(".localhost"), "it is this machine");
            let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
            assert!(ip.is_err() || ip.is_ok_and(is_elsewhere), "{host} is no public address");
            assert!(url.username().is_empty() && url.password().is_none(), "it names somebody");
            assert!(
                address::check(text, true).is_ok(),
                "what is allowed to all is refused to some"
            );
            assert!(
                address::check(url.as_str(), false).as_ref() == Ok(&url),
                "it is read in two ways"
            );
        }
    }
}

fn host_of(text: &str) -> String {
    let url = Url::parse(text).ok();
    url.and_then(|url| url.host_str().map(str::to_owned))
        .filter(|it| !it.is_empty())
        .unwrap_or("\0".into())
}

/// What the standard library knows of an address, by itself and of one of IPv4 within it.
fn is_elsewhere(ip: IpAddr) -> bool {
    let is_elsewhere = |ip: Ipv4Addr| {
        !ip.is_loopback()
            && !ip.is_private()
            && !ip.is_link_local()
            && !ip.is_unspecified()
            && !ip.is_multicast()
            && !ip.is_broadcast()
            && !ip.is_documentation()
    };
    match ip {
        IpAddr::V4(ip) => is_elsewhere(ip),
        IpAddr::V6(ip) => {
            !ip.is_loopback()
                && !ip.is_unspecified()
                && !ip.is_multicast()
                && !ip.is_unique_local()
                && !ip.is_unicast_link_local()
                && ip.to_ipv4().is_none_or(is_elsewhere)
        }
    }
}

fn comes_again(text: &str) {
    let now: Instant = "2026-11-22T12:00:00Z".parse().unwrap();
    let Ok(value) = HeaderValue::from_str(text) else { return };
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
    let asked = retry_after(&headers, now);
    let endpoint = EndpointId::new(&domain::id::TimedIds::new(move || now, || [7; 8]));
    let attempt = Attempt { at: now, took_ms: 1, answer: "status 503".to_owned() };
    let tried = Delivery::new(endpoint, 1, now).after(attempt, &Verdict::Again(asked), now);
    let due_at = tried.due_at.unwrap();
    assert!(due_at > now, "it comes again at once");
    assert!(due_at <= now + SignedDuration::from_hours(24), "it is put off for more than a day");
}

fn seeds() -> Vec<Vec<u8>> {
    let inputs = [
        format!("https://hooks.example.com/{PERSONAL}?k={PERSONAL}\n120"),
        "http://127.0.0.1:8080/\nTue, 1 Dec 2026 09:00:00 GMT".to_owned(),
        "https://[::ffff:169.254.169.254]/\n4294967295".to_owned(),
        format!("https://{PERSONAL}:x@example.com/#a\nSun, 22 Nov 2026 13:00:00 -0000"),
        "https://LOCALHOST./\n0".to_owned(),
        "https://0x7f.1/\n-1".to_owned(),
    ];
    inputs.map(String::into_bytes).into()
}
