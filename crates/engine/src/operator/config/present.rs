//! An installation as it stands: as a configuration to be written down, and as things to compare with.

use std::collections::{BTreeMap, BTreeSet};

use domain::Connection;
use serde_json::Value;

use super::diff::Key;
use super::fields::{self, Fields, Standing};
use super::{Config, ConnectionConfig, Given, Part};
use crate::operator::connections::switches;
use crate::operator::controls;
use crate::operator::desk::{Desk, OperatorError};
use crate::operator::principals;

/// Switches that a configuration always says, since so much hangs on them.
const ALWAYS: &[&str] = &["mode", "review", "approval"];

/// The installation as it stands, of these parts. Secrets are named and not told; a switch that is as
/// it was at first is left out.
pub async fn present(desk: &Desk<'_>, parts: &[Part]) -> Result<Config, OperatorError> {
    let mut config = Config::default();
    for part in parts {
        match part {
            Part::Settings => {
                let settings = controls::list(desk.store).await?.settings.into_iter();
                config.settings = Some(settings.map(|one| (one.key, one.value)).collect());
            }
            Part::Principals => {
                let all = principals::list(desk.store, desk.now).await?.principals;
                let all = all.iter().map(|one| (one.name.clone(), fields::as_wanted(one)));
                config.principals = Some(all.collect());
            }
            Part::Connections => {
                let all = desk.store.connections().await?.into_iter();
                config.connections = Some(all.map(connection).collect());
            }
        }
    }
    Ok(config)
}

fn connection(one: Connection) -> (String, ConnectionConfig) {
    let is_told = |(key, value): &(String, Value)| {
        ALWAYS.contains(&key.as_str()) || switches::usual(key).as_ref() != Some(value)
    };
    let told = switches::fields(&one.switches).into_iter().filter(is_told);
    let told = told.map(|(key, value)| {
        let text = switches::assignment(&key, &value);
        (key, text)
    });
    let config = ConnectionConfig {
        connector: one.connector,
        settings: one.settings,
        secrets: one.secrets.into_iter().map(|name| (name, Given::default())).collect(),
        base_urls: one.base_urls,
        allow_loopback: one.allow_loopback,
        switches: told.collect(),
    };
    (one.name, config)
}

/// The installation as it stands, to compare a configuration with. Only secrets for which that one has
/// a value are opened.
pub(super) async fn standing(
    desk: &Desk<'_>,
    config: &Config,
) -> Result<BTreeMap<Key, Standing>, OperatorError> {
    let mut things = BTreeMap::new();
    let mut put = |part: Part, name: String, fields: Fields| {
        things.insert((part, name), Standing { fields, ..Standing::default() });
    };
    let parts = config.parts();
    if parts.contains(&Part::Settings) {
        for one in controls::list(desk.store).await?.settings {
            put(Part::Settings, one.key, fields::of_setting(&one.value));
        }
    }
    if parts.contains(&Part::Principals) {
        for one in principals::list(desk.store, desk.now).await?.principals {
            let fields = fields::of_principal(&fields::as_wanted(&one));
            put(Part::Principals, one.name, fields);
        }
    }
    for one in desk.store.connections().await? {
        if parts.contains(&Part::Connections) {
            let wanted = config.connections.iter().flatten().find(|(name, _)| **name == one.name);
            let secrets = secrets(desk, &one, wanted.map(|(_, wanted)| wanted)).await?;
            let fields = fields::standing(&one);
            things.insert((Part::Connections, one.name), Standing { fields, secrets });
        }
    }
    Ok(things)
}

async fn secrets(
    desk: &Desk<'_>,
    one: &Connection,
    wanted: Option<&ConnectionConfig>,
) -> Result<BTreeMap<String, Option<store::Secret>>, OperatorError> {
    let given = wanted.iter().flat_map(|wanted| &wanted.secrets);
    let given: BTreeSet<_> = given.filter(|(_, it)| it.0.is_some()).map(|(name, _)| name).collect();
    let mut held = match given.is_empty() {
        true => BTreeMap::new(),
        false => desk.store.secrets(one.id).await?,
    };
    let names = one.secrets.iter().cloned();
    Ok(names.map(|name| (name.clone(), held.remove(&name))).collect())
}
