//! What drafts are measured by: settings, the operator, and what the connections take.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::guard::Placeholders;
use domain::identifier::Region;
use domain::{Connection, IdentifierKind, Instant, Reach, Request, routing};
use serde_json::Value;

use crate::operator::controls;
use crate::operator::desk::{Desk, OperatorError};

/// What the drafts of one desk are measured by. Read once, not for each draft.
#[derive(Clone)]
pub struct Rules {
    pub(super) now: Instant,
    pub(super) region: Option<Region>,
    pub(super) entered_by: String,
    /// The requests that whoever enters them may enter.
    pub(super) reach: Reach,
    pub(super) common: Arc<Common>,
}

/// What everybody's drafts are measured by.
pub(in crate::operator) struct Common {
    pub(super) placeholders: Placeholders,
    pub(super) respond_within: u32,
    /// The types that some connection takes; absent while there is no connection.
    pub(super) taken: Option<Taken>,
    pub(super) connections: Vec<Connection>,
}

/// The identifier types that some connection takes.
#[derive(Default)]
pub(super) struct Taken {
    built_in: BTreeSet<IdentifierKind>,
    custom: BTreeSet<String>,
}

impl Rules {
    /// The rules as they are now.
    pub async fn load(desk: &Desk<'_>, region: Option<Region>) -> Result<Self, OperatorError> {
        Ok(Self::of(desk, region, Arc::new(Common::load(desk).await?)))
    }

    /// The rules of a desk, where what is the same for all is known.
    pub(in crate::operator) fn of(
        desk: &Desk<'_>,
        region: Option<Region>,
        common: Arc<Common>,
    ) -> Self {
        Self { now: desk.now, region, entered_by: desk.name(), reach: desk.reach.clone(), common }
    }

    /// Whether no connection serves a request, so that a person has to do all of it.
    pub(in crate::operator) fn leave_to_person(&self, request: &Request) -> bool {
        let routes = routing::route(request, &self.common.connections);
        routes.iter().all(|route| route.left_out.is_some())
    }

    /// Whether somebody could be found by this type. Without any connection all work is by hand, and
    /// people take every type.
    pub(super) fn takes(&self, kind: &IdentifierKind) -> bool {
        let Some(taken) = &self.common.taken else { return true };
        taken.built_in.contains(kind) || taken.custom.contains(&kind.to_string())
    }
}

impl Common {
    /// As it is now.
    pub(in crate::operator) async fn load(desk: &Desk<'_>) -> Result<Self, OperatorError> {
        let connections = desk.store.connections().await?;
        Ok(Self {
            placeholders: controls::placeholders(desk.store).await?,
            respond_within: controls::respond_within(desk.store).await?,
            taken: (!connections.is_empty()).then(|| taken(desk, &connections)),
            connections,
        })
    }
}

fn taken(desk: &Desk<'_>, connections: &[Connection]) -> Taken {
    let mut taken = Taken::default();
    for connection in connections {
        if let Some(connector) = desk.connector(&connection.connector) {
            taken.built_in.extend(connector.manifest().takes.iter().cloned());
        }
        // A custom type is taken where a setting names it (`id.NAME`), whatever the setting is called.
        for value in connection.settings.values() {
            collect_custom(value, &mut taken.custom);
        }
    }
    taken
}

fn collect_custom(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("id.") => {
            into.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect_custom(value, into)),
        Value::Object(fields) => {
            for (key, value) in fields {
                collect_custom(&Value::String(key.clone()), into);
                collect_custom(value, into);
            }
        }
        _ => {}
    }
}
