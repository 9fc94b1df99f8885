//! Where webhooks may go: to the public internet, unless whoever owns the machine says otherwise.
//!
//! Whoever may enter a URL could else make us call what only this machine can reach. So the URL is
//! looked at when it is entered, and the addresses that its name leads to at each call, right before
//! they are connected to: a name may lead elsewhere by then.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Name, Resolve, Resolving};

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not one at all.
    #[error("is no https URL of a host, without name, password and fragment")]
    NotAUrl,
    /// Not encrypted, and not on this machine.
    #[error("is not https")]
    Plain,
    /// This machine, or a private network.
    #[error(
        "leads to this machine or into a private network; if it is meant to, allow it at the machine itself (--allow-private)"
    )]
    Private,
}

/// Whether a webhook may be sent to a URL, as far as the URL tells.
pub fn check(url: &str, allow_private: bool) -> Result<Url, Refused> {
    let url = Url::parse(url).map_err(|_| Refused::NotAUrl)?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let host = url.host_str().filter(|host| !host.is_empty() && is_bare).ok_or(Refused::NotAUrl)?;
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let ip = host.parse::<IpAddr>().ok();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if !allow_private && (is_local || ip.is_some_and(|ip| !is_public(ip))) {
        return Err(Refused::Private);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local || ip.is_some_and(|ip| ip.is_loopback()) => Ok(url),
        "http" => Err(Refused::Plain),
        _ => Err(Refused::NotAUrl),
    }
}

/// Whose a URL is, without what may be secret in it: its path and its query.
pub fn shortened(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "…".to_owned() };
    let origin = url.origin().ascii_serialization();
    let is_whole = url.path() == "/" && url.query().is_none();
    if is_whole { format!("{origin}/") } else { format!("{origin}/…") }
}

/// Whether an address belongs to the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// By the registry of special addresses (iana.org/assignments/iana-ipv4-special-registry).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// By the registry of special addresses (iana.org/assignments/iana-ipv6-special-registry): only
/// 2000::/3 is given out at all. An address that holds one of IPv4 leads to that one.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, benchmarks, ORCHID and others; documentation.
        [0x2001, ..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..0x1000, ..] => false,
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

/// Finds the addresses of a name, and those of the public internet only.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other(Refused::Private).into());
            }
            Ok(Box::new(public.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
