//! How much goes on side by side: so many pieces of work, and fewer of those that hold much in memory.

/// How many batches go out side by side.
const BATCHES: usize = 256;

/// How many members they have at most, all together, unless one has more: each is in memory with all
/// that is planned for it.
const MEMBERS: usize = 5_000;

/// How many collections go on side by side: each holds a file open, and pages in memory.
const COLLECTIONS: usize = 32;

/// What a piece of work weighs.
#[derive(Clone, Copy)]
pub(super) enum Load {
    /// Little.
    Light,
    /// What it reads.
    Collecting,
    /// So many members of a batch.
    Acting(usize),
}

/// What goes on of the heavy kinds.
#[derive(Default)]
pub(super) struct Loads {
    n_batches: usize,
    n_members: usize,
    n_collections: usize,
}

impl Loads {
    /// Whether there is room for one more.
    pub(super) fn take(&self, load: Load) -> bool {
        match load {
            Load::Light => true,
            Load::Collecting => self.n_collections < COLLECTIONS,
            Load::Acting(_) if self.n_batches == 0 => true,
            Load::Acting(n) => self.n_batches < BATCHES && self.n_members + n <= MEMBERS,
        }
    }

    /// One begins.
    pub(super) fn begin(&mut self, load: Load) {
        match load {
            Load::Light => {}
            Load::Collecting => self.n_collections += 1,
            Load::Acting(n) => {
                self.n_batches += 1;
                self.n_members += n;
            }
        }
    }

    /// One that began has ended.
    pub(super) fn end(&mut self, load: Load) {
        match load {
            Load::Light => {}
            Load::Collecting => self.n_collections -= 1,
            Load::Acting(n) => {
                self.n_batches -= 1;
                self.n_members -= n;
            }
        }
    }

    /// How many batches are going out.
    pub(super) fn n_batches(&self) -> usize {
        self.n_batches
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, Loads, MEMBERS};

    #[test]
    fn many_small_batches_go_out_side_by_side_and_large_ones_in_turns() {
        let mut loads = Loads::default();
        let (small, large) = (Load::Acting(1), Load::Acting(MEMBERS + 1));
        assert!(loads.take(large), "nothing else goes out");
        loads.begin(large);
        assert!(!loads.take(small));
        loads.end(large);
        for _ in 0..super::BATCHES {
            assert!(loads.take(small));
            loads.begin(small);
        }
        assert!(!loads.take(small) && loads.take(Load::Light) && loads.take(Load::Collecting));
    }
}
