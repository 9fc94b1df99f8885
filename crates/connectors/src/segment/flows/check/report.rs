//! What a check came to: permissions, capabilities, notes, and facts for later steps.

use connector_api::Context;
use connector_api::check::result;
use domain::Right;
use domain::connection::{CapabilityState, CheckReport, PermissionResult, Verdict};

use super::{MAX_PAGES, Memory, Trial};
use crate::segment::manifest::MANIFEST;
use crate::segment::settings::{self, Facts};

/// What can't be done without the Profile API.
const NO_PROFILE_API: &str = "without the Profile API only known user ids can be deleted or suppressed, nobody can be found by e-mail, nothing can be read or confirmed: enter a space and its profile token";

pub(super) fn report(memory: Memory, context: &Context<'_>) -> CheckReport {
    let readable = readable(&memory, context);
    let readable: Vec<&str> = readable.iter().map(String::as_str).collect();
    let refused = memory.tried.iter().filter(|trial| trial.verdict == Verdict::Missing);
    let facts = Facts {
        knows_destinations: memory.is("destinations", Verdict::Granted),
        unreadable_spaces: refused.filter_map(|trial| trial.space.clone()).collect(),
        destinations: memory.destinations.clone(),
    };
    CheckReport {
        at: context.now,
        capabilities: capabilities(&memory, &readable, context),
        permissions: memory
            .tried
            .iter()
            .filter_map(|it| permission(it, &memory, context))
            .collect(),
        notes: notes(&memory, &readable, &facts, context),
        account: memory.account,
        // Plain data of ours always has a JSON form.
        facts: serde_json::to_value(&facts).unwrap_or_default(),
    }
}

/// What a person should know beside the permissions.
fn notes(memory: &Memory, readable: &[&str], facts: &Facts, context: &Context<'_>) -> Vec<String> {
    // The permission that is missing for it says it all.
    if memory.is("workspace", Verdict::Missing) {
        return Vec::new();
    }
    if memory.is("token", Verdict::Missing) {
        let region = settings::text(context, "region").unwrap_or("us").to_uppercase();
        return vec![format!(
            "Segment's {region} region does not take the token: it is mistyped or revoked, or the workspace lies in the other region"
        )];
    }
    let mut notes = Vec::new();
    if readable.is_empty() {
        notes.push(NO_PROFILE_API.to_owned());
    }
    let spaces = settings::spaces(context).into_iter();
    notes.extend(spaces.filter(|space| !readable.contains(space)).map(|space| {
        format!("people in space {space} can't be looked up, read or confirmed: it has no working profile token")
    }));
    notes.extend(memory.other_spaces.iter().map(|(id, name)| {
        format!(
            "space {id} ({name}) of the workspace was not entered: people are not looked up there"
        )
    }));
    notes.extend(about_destinations(memory, facts));
    notes
}

/// The spaces whose tokens were just found to work.
fn readable(memory: &Memory, context: &Context<'_>) -> Vec<String> {
    let works = |space: &str| {
        let granted = |it: &Trial| it.verdict == Verdict::Granted;
        memory.tried.iter().any(|it| it.space.as_deref() == Some(space) && granted(it))
    };
    let spaces = settings::spaces(context).into_iter();
    spaces.filter(|space| works(space)).map(str::to_owned).collect()
}

fn capabilities(memory: &Memory, readable: &[&str], context: &Context<'_>) -> Vec<CapabilityState> {
    let missing = |name: &str| memory.is(name, Verdict::Missing);
    let unusable = if missing("token") {
        Some("Segment does not take the token".to_owned())
    } else if missing("workspace") {
        Some("the token leads to another workspace than the one that was entered".to_owned())
    } else {
        None
    };
    let privacy = missing("privacy").then(|| {
        "the token may not read or create regulations (End User Privacy Admin)".to_owned()
    });
    let access = readable.is_empty().then(|| {
        "no space has a working profile token, and only the Profile API shows what is stored about a person"
            .to_owned()
    });
    let lacking = settings::consent_lacks(context, readable);
    let opt_out = match settings::choose_opt_out(context, lacking) {
        Ok(settings::OptOutBy::ConsentEvent) => None,
        Ok(settings::OptOutBy::Suppression) => privacy.clone(),
        Err(lacking) => Some(lacking),
    };
    let state = |right, lacking: &Option<String>| CapabilityState {
        right,
        lacking: unusable.clone().or_else(|| lacking.clone()),
    };
    vec![
        state(Right::Access, &access),
        state(Right::Deletion, &privacy),
        state(Right::OptOut, &opt_out),
        state(Right::OptIn, &opt_out),
    ]
}

/// One line of the report. A permission that was tried in two ways is told once, missing if
/// either was.
fn permission(trial: &Trial, memory: &Memory, context: &Context<'_>) -> Option<PermissionResult> {
    let same = |it: &&Trial| it.permission == trial.permission && it.space == trial.space;
    let worst = memory.tried.iter().filter(same).find(|it| it.verdict == Verdict::Missing);
    let first = memory.tried.iter().find(same);
    if first.is_some_and(|first| !std::ptr::eq(first, trial)) {
        return None;
    }
    let verdict = worst.map_or(trial.verdict, |it| it.verdict);
    let mut result = result(MANIFEST.permission(&trial.permission)?, verdict);
    if let Some(space) = &trial.space {
        result.permission = format!("{} in {space}", result.permission);
        result.lost = result.lost.replace("this space", &format!("space {space}"));
        result.grant = result.grant.replace("this space", &format!("space {space}"));
    }
    if trial.permission == "workspace" && verdict == Verdict::Missing {
        result.lost = memory.wrong_workspace(context).unwrap_or(result.lost);
    }
    Some(result)
}

fn about_destinations(memory: &Memory, facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    let unable: Vec<&str> =
        facts.destinations.iter().filter(|it| !it.can_delete).map(|it| it.name.as_str()).collect();
    if !unable.is_empty() {
        notes.push(format!("destinations that can't delete: {}", unable.join(", ")));
    }
    if memory.cursor.is_some() && memory.n_pages == MAX_PAGES {
        notes.push("there are more destinations than were read".to_owned());
    }
    notes
}

impl Memory {
    fn is(&self, permission: &str, verdict: Verdict) -> bool {
        self.tried.iter().any(|it| it.permission == permission && it.verdict == verdict)
    }

    /// Says what both ids mean, where they differ.
    fn wrong_workspace(&self, context: &Context<'_>) -> Option<String> {
        let account = self.account.as_ref()?;
        let entered = settings::text(context, "workspace_id").unwrap_or("none");
        (account.id != entered).then(|| {
            format!(
                "the token leads to workspace {} ({}), but {entered} was entered as the workspace that is meant: with this token people would be deleted in the former",
                account.id, account.name,
            )
        })
    }
}
