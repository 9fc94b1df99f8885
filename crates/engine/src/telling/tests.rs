//! Where webhooks may go, what they hold, and what the documentation says of them.

use domain::{Actor, Entry, Event, Instant};
use http::{HeaderMap, HeaderValue, header};
use reqwest::dns::Resolve as _;

use super::address::{PublicOnly, Refused, check, is_public};
use super::message::Message;
use super::webhook::retry_after;

fn now() -> Instant {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[test]
fn a_url_of_this_machine_or_a_private_network_is_refused_however_it_is_written() {
    for url in [
        "https://localhost/",
        "https://LOCALHOST:8443/",
        "https://a.localhost/",
        "https://localhost./",
        "http://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://172.31.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[2002:a00:1::]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
    ] {
        assert_eq!(check(url, false), Err(Refused::Private), "{url}");
        let is_plain = url.starts_with("http:") && !url.contains("127.0.0.1");
        assert!(check(url, true).is_ok() != is_plain, "{url}");
    }
}

#[test]
fn a_url_is_https_and_names_nobody() {
    for (url, refused) in [
        ("http://example.org/", Refused::Plain),
        ("ftp://example.org/", Refused::NotAUrl),
        ("https://ann:secret@example.org/", Refused::NotAUrl),
        ("https://example.org/#top", Refused::NotAUrl),
        ("https://", Refused::NotAUrl),
        ("example.org", Refused::NotAUrl),
        ("", Refused::NotAUrl),
    ] {
        assert_eq!(check(url, false), Err(refused), "{url}");
        assert_eq!(check(url, true), Err(refused), "{url}");
    }
    assert_eq!(check("http://10.0.0.1/", true), Err(Refused::Plain));
    for url in ["https://example.org/hook?to=desk", "https://8.8.8.8:8443/", "https://[2606::1]/"] {
        assert!(check(url, false).is_ok(), "{url}");
    }
}

#[test]
fn an_address_is_public_only_if_it_was_given_out() {
    for (address, public) in [
        ("1.1.1.1", true),
        ("172.32.0.1", true),
        ("100.128.0.1", true),
        ("198.20.0.1", true),
        ("192.0.2.1", false),
        ("198.19.0.1", false),
        ("203.0.113.9", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("2606:4700::1111", true),
        ("2001:4860::8888", true),
        ("::ffff:1.1.1.1", true),
        ("2001:db8::1", false),
        ("2001::1", false),
        ("3fff::1", false),
        ("4000::1", false),
        ("ff02::1", false),
    ] {
        assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_found_out_when_it_is_called() {
    let refused = PublicOnly.resolve("localhost".parse().unwrap()).await.err().unwrap();
    let refused = refused.downcast::<std::io::Error>().unwrap();
    assert!(refused.get_ref().unwrap().is::<Refused>());
}

#[test]
fn how_long_to_wait_is_read_as_seconds_or_as_a_date_and_garbage_is_passed_over() {
    let read = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        retry_after(&headers, now()).map(|at| now().duration_until(at).as_secs())
    };
    assert_eq!(read("120"), Some(120));
    assert_eq!(read("Sun, 22 Nov 2026 12:10:00 GMT"), Some(600));
    for garbage in ["", "soon", "-5", "1e9", "99999999999999999999"] {
        assert_eq!(read(garbage), None, "{garbage}");
    }
}

#[test]
fn a_message_holds_ids_and_states_and_no_other_fact() {
    let entry = Entry::new(now(), Actor::Operator("ann".into()), Event::ConnectionSet)
        .fact("from", "a value")
        .fact("why", "ann@example.org asked");
    let expected =
        r#"{"type":"connection.set","timestamp":"2026-11-22T12:00:00Z","data":{"seq":7}}"#;
    assert_eq!(Message::of(7, &entry).text(), expected);
    let entry =
        Entry { event: Event::TaskMoved, ..entry }.fact("from", "acting").fact("to", "ended");
    let data = r#""data":{"seq":7,"from":"acting","to":"ended"}}"#;
    assert!(Message::of(7, &entry).text().ends_with(data));
}

#[test]
fn the_documentation_lists_what_is_told() {
    let docs = include_str!("../../../../docs/webhooks.md");
    let listed = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: Vec<_> = listed.filter(|word| word.contains('.')).collect();
    let told: Vec<_> = Event::TOLD.iter().map(|event| event.word()).collect();
    assert_eq!(listed, told, "docs/webhooks.md should have a row for each of these");
}
