//! What a person should know about a vendor that no code needs. With the rest of the manifest it
//! makes the vendor's page in the documentation.

/// The parts of a vendor's page that only a person can write.
#[derive(Debug)]
pub struct Guide {
    /// Needed at the vendor before the first step.
    pub needs: &'static [Fact],
    /// What it can't do, or does unlike others.
    pub remarks: &'static [Fact],
    /// What a deletion takes away, and whether it can be stopped.
    pub deletion: &'static str,
    /// Tables on settings whose words need more than a line.
    pub tables: &'static [Table],
    /// What goes wrong, and what to do then.
    pub troubles: &'static [Trouble],
    /// The vendor's interfaces that are called.
    pub apis: &'static [Api],
    /// Technical facts that stand nowhere else in the manifest.
    pub details: &'static [Fact],
}

impl Guide {
    /// For a connector that nobody reads about.
    pub const EMPTY: Self = Self {
        needs: &[],
        remarks: &[],
        deletion: "",
        tables: &[],
        troubles: &[],
        apis: &[],
        details: &[],
    };
}

/// A statement, and what it rests on.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    /// What is the case.
    pub text: &'static str,
    /// How that is known.
    pub basis: Basis,
}

/// What a statement rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// This page says so: the vendor's own, wherever there is one.
    Documented(&'static str),
    /// Our conclusion: the vendor's documents leave it open.
    Inferred,
    /// It is what Habeas does, so there is nothing to prove.
    Ours,
}

impl Fact {
    /// What the vendor says on a page.
    pub const fn documented(text: &'static str, page: &'static str) -> Self {
        Self { text, basis: Basis::Documented(page) }
    }

    /// What we conclude.
    pub const fn inferred(text: &'static str) -> Self {
        Self { text, basis: Basis::Inferred }
    }

    /// What Habeas does.
    pub const fn ours(text: &'static str) -> Self {
        Self { text, basis: Basis::Ours }
    }
}

/// A small table.
#[derive(Debug)]
pub struct Table {
    /// The names of its columns.
    pub head: &'static [&'static str],
    /// Its rows, each as long as the head.
    pub rows: &'static [&'static [&'static str]],
    /// What it says beside them, and what all of it rests on.
    pub note: Fact,
}

/// Something that goes wrong.
#[derive(Debug)]
pub struct Trouble {
    /// What is seen.
    pub seen: &'static str,
    /// What that means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// An interface of the vendor.
#[derive(Debug)]
pub struct Api {
    /// Its name among a region's base URLs.
    pub base: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is called for.
    pub used_for: &'static str,
    /// The permissions that its calls need.
    pub permissions: &'static [&'static str],
    /// The vendor's documentation of it.
    pub docs_url: &'static str,
}
