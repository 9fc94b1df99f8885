//! Configuration as code: what would change, that exactly this is carried out and nothing twice, and
//! what somebody changed by hand.

mod carrying;
mod differing;

use serde_json::{Value, json};

use super::*;
use crate::operator::OperatorError;
use crate::operator::office::{Office, office, report};

/// A configuration as it comes in.
pub(super) fn config(json: Value) -> Config {
    serde_json::from_value(json).unwrap()
}

/// One of every part.
pub(super) fn whole() -> Value {
    json!({
        "settings": {"respond_within": "45", "placeholders": "N.N. | x"},
        "principals": {
            "ann": {"kind": "person", "roles": ["approver"], "reach": {"brands": ["shop"]}},
            "boss": {"kind": "person", "roles": ["super_admin"], "reach": "all"},
        },
        "connections": {
            "files": {
                "connector": "paper",
                "settings": {"room": "B 12", "trays": {"in": "left"}},
                "secrets": {"key": "s3cret"},
                "switches": {"mode": "act", "guard": "500", "until": "2026-12-31",
                             "serves.rights": "access, deletion"},
            },
        },
    })
}

/// What a plan says, a line each.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        lines.push(format!("{} {}.{}", change.how, change.part, change.name));
        for one in &change.fields {
            let hand = if one.by_hand { " (by hand)" } else { "" };
            lines.push(match one.secret {
                Some(secret) => format!("  {} {secret}", one.field),
                None => format!("  {} {} → {}{hand}", one.field, one.from, one.to),
            });
        }
    }
    lines
}

pub(super) async fn planned(office: &Office, json: Value) -> Plan {
    plan(&office.desk(), config(json), false).await.unwrap()
}

/// Plans and carries out, with checks that find everything in order.
pub(super) async fn carried(office: &Office, json: &Value, prune: bool) -> Carried {
    let shown = plan(&office.desk(), config(json.clone()), prune).await.unwrap().digest;
    let desk = office.desk();
    let prepared = prepare(&desk, config(json.clone()), prune, shown).await.unwrap();
    let reports = prepared.drafts().iter().map(|_| report("acc_1")).collect();
    apply(&desk, prepared, reports).await.unwrap()
}

/// The codes of the faults, with the fields that they are about.
pub(super) async fn faults(office: &Office, json: Value, prune: bool) -> Vec<(String, String)> {
    match plan(&office.desk(), config(json), prune).await {
        Err(OperatorError::Faults(faults)) => {
            faults.into_iter().map(|fault| (fault.field, fault.code.into_owned())).collect()
        }
        other => panic!("not refused: {other:?}"),
    }
}
