//! What a misspelt word was most likely meant to be.

/// The one of these names that was most likely meant: a slip or two away, in a name that has more
/// letters than those.
pub fn meant<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.trim().to_lowercase().replace([' ', '-'], "_");
    let near = names.into_iter().map(|known| (strsim::osa_distance(&given, known), known));
    let (n_slips, nearest) = near.min_by_key(|(n_slips, _)| *n_slips)?;
    (n_slips <= 2 && 2 * n_slips < given.chars().count()).then_some(nearest)
}

/// The names that exist, after the one that was most likely meant.
pub fn known(given: &str, names: &[&str]) -> String {
    let meant = meant(given, names.iter().copied());
    let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    format!("{meant}There are: {}", names.join(", "))
}
