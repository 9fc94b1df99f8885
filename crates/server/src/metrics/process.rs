//! This process, as the system sees it. Elsewhere than on Linux nothing is told of it.

use std::fs;

use super::families as f;
use super::text::Page;

/// Ticks a second in which Linux tells processor time, on every machine.
const TICKS: f64 = 100.0;

/// Adds what the system tells.
pub(super) fn add(page: &mut Page) {
    if let Some(bytes) = resident_bytes() {
        page.add(&f::RESIDENT_BYTES, &[], bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        page.add(&f::CPU_SECONDS, &[], seconds);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the folder holds one open itself.
        let n = open.count().saturating_sub(1);
        page.add(&f::OPEN_FDS, &[], u32::try_from(n).unwrap_or(u32::MAX).into());
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, even a bracket.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
