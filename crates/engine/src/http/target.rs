//! Where a connection's calls may go.

use std::collections::BTreeMap;

use connector_api::{Call, Manifest};

/// Why a connection's addresses can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No such region.
    #[error("unknown region; it is one of: {0}")]
    UnknownRegion(String),
    /// A base URL that is none.
    #[error("base_urls.{0} is no http(s) URL without query")]
    NotAUrl(String),
    /// A base URL name the connector does not have.
    #[error("base_urls.{name} is not known to this connector; it has: {known}")]
    UnknownBase {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A host the connector does not talk to.
    #[error("base_urls.{0} leads to a host that this connector does not talk to")]
    ForeignHost(String),
    /// Loopback without leave.
    #[error("base_urls.{0} is on this machine; set allow_loopback = true if that is meant")]
    Loopback(String),
    /// Plain HTTP to another machine.
    #[error("base_urls.{0} is not https")]
    Plain(String),
}

/// Where a connection's calls go: its base URLs, each checked against the allow-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) connector: &'static str,
    pub(super) bases: BTreeMap<&'static str, String>,
}

impl Target {
    /// Resolves a connection's region and base URLs.
    pub fn new(
        manifest: &Manifest,
        region: &str,
        base_urls: &BTreeMap<String, String>,
        allow_loopback: bool,
    ) -> Result<Self, TargetError> {
        let names =
            || manifest.regions.iter().map(|region| region.name).collect::<Vec<_>>().join(", ");
        let region = manifest
            .regions
            .iter()
            .find(|known| known.name == region)
            .ok_or_else(|| TargetError::UnknownRegion(names()))?;
        let mut bases: BTreeMap<_, _> =
            region.base_urls.iter().map(|(name, url)| (*name, (*url).to_owned())).collect();
        for (name, url) in base_urls {
            let known = bases.keys().copied().collect::<Vec<_>>().join(", ");
            let Some(base) = bases.get_mut(name.as_str()) else {
                return Err(TargetError::UnknownBase { name: name.clone(), known });
            };
            *base = checked(manifest, name, url, allow_loopback)?;
        }
        Ok(Self { connector: manifest.name, bases })
    }

    /// The host that a call goes to.
    pub(super) fn host(&self, call: &Call) -> Option<String> {
        self.bases.get(call.endpoint.base).and_then(|base| host_of(base))
    }

    /// Whether every address is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.bases.values().all(|url| host_of(url).is_some_and(|host| is_loopback(&host)))
    }
}

fn checked(
    manifest: &Manifest,
    name: &str,
    url: &str,
    allow_loopback: bool,
) -> Result<String, TargetError> {
    let host = host_of(url).ok_or_else(|| TargetError::NotAUrl(name.to_owned()))?;
    if is_loopback(&host) {
        return if allow_loopback {
            Ok(url.trim_end_matches('/').to_owned())
        } else {
            Err(TargetError::Loopback(name.to_owned()))
        };
    }
    let is_known = manifest
        .regions
        .iter()
        .flat_map(|region| region.base_urls)
        .any(|(_, known)| host_of(known).as_deref() == Some(&host));
    if !is_known {
        return Err(TargetError::ForeignHost(name.to_owned()));
    }
    if !url.starts_with("https://") {
        return Err(TargetError::Plain(name.to_owned()));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The host (with port) of a base URL that is nothing but scheme, host and perhaps a path.
fn host_of(url: &str) -> Option<String> {
    let parsed = reqwest::Url::parse(url).ok()?;
    let is_plain = parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none()
        && matches!(parsed.scheme(), "http" | "https");
    let host = parsed.host_str()?.trim_matches(['[', ']']).to_owned();
    is_plain.then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
