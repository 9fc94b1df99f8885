//! The people of the demo: who asks for what, as rows of a CSV file, out of the twin's population.

use anyhow::{Context, ensure};
use serde_json::Value;

/// The brand whose workspace can be searched.
pub const SHOP: &str = "shop";

/// The brand whose workspace has no look-up by e-mail.
pub const OUTLET: &str = "outlet";

/// The role whose deletion leaves something behind; it goes out in a batch of its own, because a
/// vendor's answer is about the whole batch.
pub const RESIDUE: &str = "residue";

/// One row of the demo's file, and what makes it worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name in the story; also its external id.
    pub name: &'static str,
    /// What is special about it, for the reader.
    pub about: &'static str,
    /// The right.
    pub right: &'static str,
    /// The brand it was made to.
    pub brand: &'static str,
    /// The person's e-mail address.
    pub email: String,
}

/// The roles, and what the twin has to do for them.
pub struct Cast {
    /// In the order of the file.
    pub roles: Vec<Role>,
    /// The user ids whose deletion ends as "finished" while the profile stays.
    pub lied_about: Vec<String>,
}

impl Cast {
    /// Casts the roles with people of the twin.
    pub fn of(twins: &Value) -> anyhow::Result<Self> {
        let subjects = twins["segment"]["subjects"].as_array();
        let subjects = subjects.context("the twin told no subjects")?;
        let of_kind = |kind: &'static str| subjects.iter().filter(move |one| one["kind"] == kind);
        let regular: Vec<&Value> = of_kind("regular").collect();
        ensure!(regular.len() >= 5, "the twin's population is too small for the demo");
        let odd = |kind| of_kind(kind).next().map(email).unwrap_or_default();
        let role = |name, right, email, about| Role { name, about, right, brand: SHOP, email };
        let stranger = "nobody.knows@stranger.example".to_owned();
        let placeholder = "test@test.com".to_owned();
        let roles = vec![
            role("access", "access", email(regular[0]), "wants to see the data held"),
            role("deletion", "deletion", email(regular[1]), "wants to be deleted"),
            role("odd-id", "deletion", odd("mixed_case"), "the same, with an id in Mixed-Case"),
            role("opt-out", "opt_out", email(regular[2]), "don't sell or share my data"),
            role("stranger", "deletion", stranger, "no system knows this person"),
            Role {
                brand: OUTLET,
                ..role(
                    "missing-id",
                    "deletion",
                    email(regular[4]),
                    "a brand that can't search by e-mail",
                )
            },
            role(
                "liar",
                "deletion",
                email(regular[3]),
                "the vendor will say “finished”; it is not",
            ),
            role(RESIDUE, "deletion", odd("residue"), "one destination can't delete"),
            role("placeholder", "deletion", placeholder, "a value that names nobody"),
        ];
        Ok(Self { roles, lied_about: vec![text(regular[3], "user_id")] })
    }

    /// The file that comes in.
    pub fn csv(&self) -> String {
        let row =
            |role: &Role| format!("{},{},{},{}\n", role.right, role.email, role.brand, role.name);
        format!("right,email,brand,external_id\n{}", self.roles.iter().map(row).collect::<String>())
    }
}

fn email(subject: &Value) -> String {
    text(subject, "email")
}

fn text(subject: &Value, field: &str) -> String {
    subject[field].as_str().unwrap_or_default().to_owned()
}
