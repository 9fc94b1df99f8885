//! Which calls were seen, and on which side of which of them the process died.

use std::collections::BTreeMap;

use store::crash::Moment;

use super::fate::Site;

/// The calls that were seen, each with how often the process died at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    n_deaths: BTreeMap<(Site, Moment), u32>,
}

impl Coverage {
    /// Notes that the process came by.
    pub fn saw(&mut self, moment: Moment, site: &Site) {
        self.n_deaths.entry((site.clone(), moment)).or_default();
    }

    /// Notes that it died there.
    pub fn dies(&mut self, moment: Moment, site: &Site) {
        *self.n_deaths.entry((site.clone(), moment)).or_default() += 1;
    }

    /// How often it died.
    pub fn n_deaths(&self) -> u32 {
        self.n_deaths.values().sum()
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: Self) {
        for (point, n) in other.n_deaths {
            *self.n_deaths.entry(point).or_default() += n;
        }
    }

    /// Whether it died on both sides of every call that was seen.
    pub fn is_whole(&self) -> bool {
        self.n_deaths.values().all(|n| *n > 0)
    }

    /// The points where it never died.
    pub fn missed(&self) -> Vec<String> {
        let missed = self.n_deaths.iter().filter(|(_, n)| **n == 0);
        missed.map(|((site, moment), _)| format!("{} {site}", word(*moment))).collect()
    }

    /// How much of each group was died at: a line for each step that calls the vendor, and one each
    /// for what reads and what writes the store.
    pub fn lines(&self) -> Vec<String> {
        let mut groups: BTreeMap<(String, Moment), (u32, u32)> = BTreeMap::new();
        for ((site, moment), n) in &self.n_deaths {
            let (n_died, n_seen) = groups.entry((group(site), *moment)).or_default();
            *n_died += u32::from(*n > 0);
            *n_seen += 1;
        }
        let line = |((group, moment), (n_died, n_seen)): (&(String, Moment), &(u32, u32))| {
            let percent = f64::from(*n_died) * 100.0 / f64::from(*n_seen);
            format!(
                "{group:<22} {:<6} {n_died:>3} of {n_seen:>3} call sites, {percent:.0} %",
                word(*moment)
            )
        };
        groups.iter().map(line).collect()
    }
}

fn group(site: &Site) -> String {
    match site {
        Site::Read(_) => "store: read".to_owned(),
        Site::Commit(_) => "store: commit".to_owned(),
        Site::Http(step, _) => format!("vendor: {step}"),
    }
}

fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before",
        Moment::After => "after",
    }
}
