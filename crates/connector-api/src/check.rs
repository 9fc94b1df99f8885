//! Checking a connection: each permission by itself, and what the credentials lead to.

use domain::connection::{CheckReport, PermissionResult, Verdict};

use crate::manifest::Permission;

/// The result for one permission of the manifest.
pub fn result(permission: &Permission, verdict: Verdict) -> PermissionResult {
    PermissionResult {
        permission: permission.name.to_owned(),
        verdict,
        required: permission.required,
        lost: permission.lost.to_owned(),
        grant: permission.grant.to_owned(),
    }
}

/// The required permissions that are missing. While there is one, nothing is saved.
pub fn missing_required(report: &CheckReport) -> Vec<&PermissionResult> {
    report
        .permissions
        .iter()
        .filter(|result| result.required && result.verdict == Verdict::Missing)
        .collect()
}
