//! What proxies say about whom they ask for: `X-Forwarded-For`, `Forwarded` and their like.
//!
//! A line a header. Nobody but a named proxy changes who counts as asking, nobody makes themselves
//! somebody on this machine, and what stands left of the address that a proxy added changes nothing.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use server::{Client, Proxies};

use crate::{Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "callers",
    play,
    seeds,
    words: &[
        "x-forwarded-for: ",
        "forwarded: ",
        "for=",
        "\"[2001:db8::1]:4711\"",
        "127.0.0.1",
        "10.0.0.1",
        "::ffff:127.0.0.1",
        "198.51.100.7",
        ", ",
        ";proto=https",
        "via: ",
        "unknown",
        "_hidden",
    ],
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

fn play(input: &[u8]) {
    let headers = headers(input);
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let (stranger, proxy, asks) =
        (address("203.0.113.9"), address("10.0.0.1"), address("198.51.100.7"));
    let proxies: Proxies = "10.0.0.0/8, ::1".parse().unwrap();

    assert!(proxies.client(stranger, &headers) == Client::of(stranger), "a stranger is believed");
    assert!(!proxies.is_here(stranger, &headers) && !proxies.is_here(proxy, &headers));
    let is_told = headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
    let is_here = Proxies::default().is_here(address("127.0.0.1"), &headers);
    assert!(!(is_here && is_told), "what was passed on counts as from here");

    // As a proxy passes on what it was told: with the address of whoever told it, at the end.
    let mut passed_on = headers.clone();
    let told: Vec<_> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    let mut told = told.join(&b", "[..]);
    told.extend(b", 198.51.100.7");
    passed_on.insert(FORWARDED_FOR, HeaderValue::from_bytes(&told).unwrap());
    let client = proxies.client(proxy, &passed_on);
    if headers.contains_key(header::FORWARDED) {
        assert!(
            client == Client::of(asks) || client == Client::of(proxy),
            "a client chose who it is"
        );
    } else {
        assert!(client == Client::of(asks), "a client chose who it is");
    }

    let text = String::from_utf8_lossy(input);
    if let Err(error) = text.parse::<Proxies>() {
        // An operator typed it; it is theirs to see, and short.
        assert!(error.to_string().len() < text.len() + 100);
    }
    hides(&format!("{client:?}"));
}

fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(at) = line.windows(2).position(|pair| pair == b": ") else { continue };
        let (name, value) =
            (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(&line[at + 2..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn seeds() -> Vec<Vec<u8>> {
    let inputs = [
        "x-forwarded-for: 127.0.0.1, 10.0.0.2\nx-forwarded-for: ::1",
        "forwarded: for=\"[2001:db8::1]:4711\";proto=https, for=10.0.0.9",
        "x-forwarded-for: 198.51.100.7:80\nforwarded: for=198.51.100.7\nvia: 1.1 a",
        "10.0.0.0/8, 2001:db8::/32,::1",
    ];
    inputs.map(|input| input.as_bytes().to_vec()).into()
}
