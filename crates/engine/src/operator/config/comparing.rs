//! A plan tells whoever may replace a secret whether another one is held. That must be no quiet way to
//! find a secret out: it is journalled before it is told. How often it is told, the server bounds.

use domain::Event;
use store::Transition;

use super::{Config, ConnectionConfig};
use crate::operator::desk::{Desk, OperatorError};

impl Config {
    /// Whether it gives the value of a secret, to be compared with the one that is held.
    pub fn gives_secrets(&self) -> bool {
        self.connections.iter().flatten().any(|(_, one)| given(one).next().is_some())
    }
}

/// Journals that secrets of a configuration are compared with those that are held: whose, by whom.
pub async fn note_comparison(desk: &Desk<'_>, config: &Config) -> Result<(), OperatorError> {
    let Some(wanted) = &config.connections else { return Ok(()) };
    let mut journal = Vec::new();
    for held in desk.store.connections().await? {
        let Some(one) = wanted.get(&held.name) else { continue };
        let both: Vec<_> = given(one).filter(|name| held.secrets.contains(*name)).collect();
        if !both.is_empty() {
            let entry = desk.entry(Event::SecretsCompared).connection(Some(held.id));
            journal.push(entry.fact("secrets", both.into_iter().cloned().collect::<Vec<_>>()));
        }
    }
    if journal.is_empty() {
        return Ok(());
    }
    desk.write(Transition { journal, ..Transition::default() }).await
}

/// The names of the secrets whose values are given.
fn given(one: &ConnectionConfig) -> impl Iterator<Item = &String> {
    one.secrets.iter().filter(|(_, given)| given.0.is_some()).map(|(name, _)| name)
}
