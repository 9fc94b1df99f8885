//! File names, rebuilt: nothing that a vendor or an operator wrote becomes a path as it stands.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// Longer names trouble some systems once folders are put before them.
const LONGEST: usize = 60;

/// Names that Windows keeps for devices, with any ending.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// Names of one folder: safe everywhere, and no two the same.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// A safe name for this text that nobody else in the folder has.
    pub(crate) fn claim(&mut self, text: &str) -> String {
        let base = safe(text);
        let mut name = base.clone();
        let mut n = 1;
        while !self.taken.insert(name.clone()) {
            n += 1;
            name = format!("{base}-{n}");
        }
        name
    }
}

/// Letters, digits, `_` and `-` of the text in lower case, anything else as one `-`. Never empty,
/// never a path, never hidden, never a device. No dots: the ending is ours.
fn safe(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if name.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match name {
        "" => "data".to_owned(),
        _ if RESERVED.contains(&bare) => format!("{name}_"),
        _ => name.to_owned(),
    }
}
