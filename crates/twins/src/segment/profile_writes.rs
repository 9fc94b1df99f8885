//! The one write of the Profile API: delete one external id (contract 4.6).

use serde::Deserialize;
use serde_json::json;

use super::answers;
use super::profile_api::{Answer, NOT_FOUND, Refusal, refusal};
use super::state::Segment;

#[derive(Deserialize)]
struct Body {
    delete_external_ids: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Wanted {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn delete_external_id(
    state: &mut Segment,
    space: usize,
    id: &str,
    body: &[u8],
) -> Answer {
    if state.switches.id_deletion_disabled {
        return Err(refusal(403, "forbidden", "The feature is not active in this space."));
    }
    let user_id = id.strip_prefix("user_id:").ok_or(bad("The look-up is not by user_id."))?;
    let body: Body = serde_json::from_slice(body).map_err(|_| bad("The body does not fit."))?;
    let [Wanted { id, kind }] = body.delete_external_ids.as_slice() else {
        return Err(bad("Exactly one id is deleted at a time."));
    };
    if kind == "group_id" {
        return Err(refusal(400, "unsupported_eid_type", "Ids of this type can't be deleted."));
    }
    if kind == "user_id" && id.to_lowercase() == user_id {
        return Err(bad("The id is the one that is looked up by."));
    }
    let space = &mut state.spaces[space];
    let slot = space.slot_of("user_id", user_id).ok_or(NOT_FOUND)?;
    if space.find(kind, id) != Some(slot) {
        return Err(refusal(404, "eid_not_found", "The profile has no such id."));
    }
    space.remove_id(slot, kind, id);
    Ok(answers::json(200, &json!({"code": "success", "message": "The identifier is deleted."})))
}

fn bad(message: &'static str) -> Refusal {
    refusal(400, "bad_request", message)
}
