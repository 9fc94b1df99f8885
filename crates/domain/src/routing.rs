//! Routing: which connections serve a request, and why the others don't. A pure function of the
//! request and the connections.

use serde::{Deserialize, Serialize};

use crate::{Connection, ConnectionId, Request};

/// What routing says of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The connection.
    pub connection: ConnectionId,
    /// Its name at that time.
    pub name: String,
    /// Absent if it serves the request; otherwise why it was left out.
    pub left_out: Option<String>,
}

/// Routes a request over the living connections, in the order given.
pub fn route(request: &Request, connections: &[Connection]) -> Vec<Routed> {
    connections
        .iter()
        .filter(|connection| connection.removed_at.is_none())
        .map(|connection| Routed {
            connection: connection.id,
            name: connection.name.clone(),
            left_out: why_left_out(request, connection),
        })
        .collect()
}

fn why_left_out(request: &Request, connection: &Connection) -> Option<String> {
    let serves = &connection.switches.serves;
    if !serves.rights.is_empty() && !serves.rights.contains(&request.right) {
        return Some(format!("it is set not to serve {}", request.right));
    }
    let lists = [
        ("brand", &serves.brands, &request.brand),
        ("jurisdiction", &serves.jurisdictions, &request.jurisdiction),
        ("subject kind", &serves.subject_kinds, &request.subject_kind),
    ];
    for (what, allowed, given) in lists {
        // A request that does not say belongs everywhere: leaving a system out silently would
        // leave data behind.
        if let Some(given) = given
            && !allowed.is_empty()
            && !allowed.iter().any(|one| one.eq_ignore_ascii_case(given))
        {
            return Some(format!("it does not serve the {what} {given}"));
        }
    }
    connection.lacks(request.right)
}
