//! Fingerprints of sets of values, by which a vendor's job is recognised without keeping its members.

use domain::Digest;

use crate::store::Store;

impl Store {
    /// The digest of a set; order and repetition don't matter. It is keyed, so that nobody without
    /// the key folder can try values against it.
    pub fn fingerprint<'a>(&self, members: impl IntoIterator<Item = &'a str>) -> Digest {
        self.keys().fingerprint(members)
    }
}
