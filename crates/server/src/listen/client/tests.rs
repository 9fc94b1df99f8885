//! Who is believed, and how far.

use http::HeaderValue;

use super::*;

/// What a proxy at 10.0.0.1 is believed, given these headers.
#[track_caller]
fn check(headers: &[(HeaderName, &'static str)], client: &str) {
    check_from("10.0.0.1", headers, client);
}

#[track_caller]
fn check_from(peer: &str, headers: &[(HeaderName, &'static str)], client: &str) {
    let proxies: Proxies = "10.0.0.0/8, 2001:db8:1::/48".parse().unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, HeaderValue::from_static(value));
    }
    let found = proxies.client(peer.parse().unwrap(), &map);
    assert_eq!(found.0, Client::of(client.parse().unwrap()).0);
}

#[test]
fn a_stranger_is_not_believed() {
    check_from("192.0.2.7", &[(FORWARDED_FOR, "198.51.100.1")], "192.0.2.7");
    check_from("192.0.2.7", &[(header::FORWARDED, "for=198.51.100.1")], "192.0.2.7");
}

#[test]
fn of_a_chain_only_what_the_proxies_added_is_believed() {
    check(&[(FORWARDED_FOR, "198.51.100.1")], "198.51.100.1");
    check(&[(FORWARDED_FOR, "1.1.1.1, 198.51.100.1, 10.0.0.9")], "198.51.100.1");
    check(&[(FORWARDED_FOR, "1.1.1.1"), (FORWARDED_FOR, "198.51.100.1")], "198.51.100.1");
    check(&[(FORWARDED_FOR, "198.51.100.1, garbage, 10.0.0.9")], "10.0.0.9");
    check(&[(FORWARDED_FOR, "198.51.100.1:443")], "198.51.100.1");
    check(&[(FORWARDED_FOR, "10.0.0.8, 10.0.0.9")], "10.0.0.8");
    check(&[(FORWARDED_FOR, "")], "10.0.0.1");
    check(&[], "10.0.0.1");
}

#[test]
fn what_a_client_wrote_before_a_proxy_s_word_does_not_spoil_it() {
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    let told = HeaderValue::from_bytes(b"\xe4, 198.51.100.1").unwrap();
    let headers = HeaderMap::from_iter([(FORWARDED_FOR, told)]);
    let found = proxies.client("10.0.0.1".parse().unwrap(), &headers);
    assert_eq!(found.0, Client::of("198.51.100.1".parse().unwrap()).0);
}

#[test]
fn both_ways_to_write_it_are_read() {
    let hop = "for=1.1.1.1, for=\"[2001:db8:2::9]:4711\";proto=https;by=10.0.0.1";
    check(&[(header::FORWARDED, hop)], "2001:db8:2::9");
    check(&[(header::FORWARDED, "proto=https;For=198.51.100.1")], "198.51.100.1");
    check(&[(header::FORWARDED, "for=unknown")], "10.0.0.1");
}

#[test]
fn a_second_header_that_the_client_wrote_wins_nothing() {
    let both = [(FORWARDED_FOR, "198.51.100.1"), (header::FORWARDED, "for=1.1.1.1")];
    check(&both, "10.0.0.1");
    let alike = [(FORWARDED_FOR, "198.51.100.1"), (header::FORWARDED, "for=198.51.100.1")];
    check(&alike, "198.51.100.1");
}

#[test]
fn one_household_counts_once() {
    let of = |text: &str| Client::of(text.parse().unwrap());
    assert_eq!(of("2001:db8:2::1"), of("2001:db8:2::ffff"));
    assert_ne!(of("2001:db8:2::1"), of("2001:db8:2:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn what_is_no_network_is_refused() {
    assert!("10.0.0.0/8,proxy.example".parse::<Proxies>().is_err());
    assert!("10.0.0.0/33".parse::<Proxies>().is_err());
    assert!("".parse::<Proxies>().unwrap().is_empty());
}

#[test]
fn nobody_s_word_is_taken_for_being_on_this_machine() {
    let is_here = |proxies: &str, peer: &str, headers: &[(&'static str, &'static str)]| {
        let proxies: Proxies = proxies.parse().unwrap();
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        proxies.is_here(peer.parse().unwrap(), &headers.iter().map(pair).collect())
    };
    assert!(is_here("", "127.0.0.1", &[]) && is_here("10.0.0.0/8", "::1", &[]));
    assert!(is_here("", "::ffff:127.0.0.1", &[]));
    assert!(!is_here("", "192.0.2.7", &[]));
    let told = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.2")];
    for headers in [&[][..], &told[..1], &told[..], &[("x-forwarded-for", "127.0.0.1")]] {
        assert!(!is_here("127.0.0.1", "127.0.0.1", headers), "the proxy is here: {headers:?}");
        assert!(!is_here("10.0.0.0/8", "10.0.0.1", headers), "it says so: {headers:?}");
    }
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-proto"] {
        assert!(!is_here("", "127.0.0.1", &[(header, "127.0.0.1")]), "a proxy not named: {header}");
    }
}
