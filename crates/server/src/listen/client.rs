//! Who a request comes from, as limits count it: an address, or what a named proxy says of it.
//!
//! Anybody can write `X-Forwarded-For`. It is believed from the proxies that the operator names, and of
//! theirs only what they added themselves: the rightmost address that is none of theirs.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// Where most proxies write whom they ask for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What proxies add to what they pass on.
const OF_PROXIES: [HeaderName; 6] = [
    FORWARDED_FOR,
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The networks of the proxies whose word is believed. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[IpNet]>);

/// What is no network.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address and no network such as 10.0.0.0/8")]
pub struct NoNetwork(String);

impl FromStr for Proxies {
    type Err = NoNetwork;

    /// Reads addresses and networks, parted by commas.
    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| {
            let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| NoNetwork(part.to_owned()))
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }
}

impl Proxies {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of theirs.
    pub(super) fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether a request comes from this machine itself: nobody's word is taken for that, so not over a
    /// connection from a named proxy, and not where any proxy says that it passed something on.
    pub fn is_here(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let is_passed_on = OF_PROXIES.iter().any(|name| headers.contains_key(name));
        peer.to_canonical().is_loopback() && !self.includes(peer) && !is_passed_on
    }

    /// For whom a request is made that came over a connection from `peer`.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if !self.includes(peer) {
            return Client::of(peer);
        }
        let told = self.rightmost(peer, headers, &FORWARDED_FOR, |hop| Some(hop));
        let told_anew = self.rightmost(peer, headers, &header::FORWARDED, forwarded_for);
        Client::of(match (told, told_anew) {
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(other)) if one == other => one,
            // A proxy that writes one header may let the other through as the client sent it. Where
            // they differ nobody knows which is the proxy's own.
            _ => peer,
        })
    }

    /// The last address in a header that is no proxy's; nothing where there is no such header.
    fn rightmost(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        address_in: fn(&str) -> Option<&str>,
    ) -> Option<IpAddr> {
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        let mut told = lines.last().map(|_| peer)?;
        for line in lines.into_iter().rev() {
            // Bytes, since what a client wrote before a proxy's word need not be text.
            for hop in line.as_bytes().rsplit(|byte| *byte == b',') {
                let hop = std::str::from_utf8(hop).ok();
                let address = hop.and_then(|hop| address_in(hop.trim())).and_then(address);
                // What is no address ends what can be believed.
                let Some(address) = address else { return Some(told) };
                told = address;
                if !self.includes(told) {
                    return Some(told);
                }
            }
        }
        Some(told)
    }
}

/// The address in one hop of `Forwarded` (RFC 7239): `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(hop: &str) -> Option<&str> {
    let mut pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    Some(value.trim_matches('"'))
}

/// An address, bare or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Who asks, for counting. Never printed: an address tells of a person.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// Whoever has this address. Of IPv6 whole networks are given to one, so those count as one.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let network = address.to_bits() & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address => address,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}
