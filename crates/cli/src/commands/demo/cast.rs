//! The people of the demo: who asks for what, as rows of a CSV file, out of the twin's population.

use anyhow::{Context, ensure};
use serde_json::Value;

/// One row of the demo's file, and what makes it worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name in the story; also its external id.
    pub name: &'static str,
    /// What is special about it, for the reader.
    pub about: &'static str,
    /// The right.
    pub right: &'static str,
    /// The person's e-mail address.
    pub email: String,
}

/// The role whose deletion leaves something behind; it goes out in a batch of its own, because a
/// vendor's answer is about the whole batch.
pub const RESIDUE: &str = "residue";

/// The roles, and the user ids that the twin is to lie about.
pub struct Cast {
    /// In the order of the file.
    pub roles: Vec<Role>,
    /// Whose deletion ends as "finished" while the profile stays.
    pub lied_about: Vec<String>,
}

impl Cast {
    /// Casts the roles with people of the twin.
    pub fn of(twins: &Value) -> anyhow::Result<Self> {
        let subjects = twins["segment"]["subjects"].as_array().context("the twin told no subjects")?;
        let of_kind = |kind: &str| {
            subjects.iter().filter(|subject| subject["kind"] == kind).collect::<Vec<_>>()
        };
        let regular = of_kind("regular");
        ensure!(regular.len() >= 4, "the twin's population is too small for the demo");
        let email = |subject: &Value| text(subject, "email");
        let first = |kind: &str| of_kind(kind).first().map(|one| email(one)).unwrap_or_default();
        let role = |name, right, email, about| Role { name, about, right, email };
        let roles = vec![
            role("access", "access", email(regular[0]), "wants to see the data held"),
            role("deletion", "deletion", email(regular[1]), "wants to be deleted"),
            role("odd-ids", "deletion", first("mixed_case"), "wants to be deleted; has an id in Mixed-Case"),
            role("opt-out", "opt_out", email(regular[2]), "says: don't sell or share my data"),
            role("stranger", "deletion", "nobody.knows@stranger.example".to_owned(), "no system knows this person"),
            role("missing-id", "deletion", first("no_user_id"), "known, but without the id that a deletion needs"),
            role("liar", "deletion", email(regular[3]), "the vendor will say “finished” and not delete"),
            role(RESIDUE, "deletion", first("residue"), "one destination can't delete"),
            role("placeholder", "deletion", "test@test.com".to_owned(), "a placeholder that names nobody"),
        ];
        Ok(Self { roles, lied_about: vec![text(regular[3], "user_id")] })
    }

    /// The file that comes in.
    pub fn csv(&self) -> String {
        let rows = self.roles.iter().map(|role| format!("{},{},{}\n", role.right, role.email, role.name));
        format!("right,email,external_id\n{}", rows.collect::<String>())
    }
}

fn text(subject: &Value, field: &str) -> String {
    subject[field].as_str().unwrap_or_default().to_owned()
}
