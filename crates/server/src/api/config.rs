//! The configuration as a whole: as it stands, what another one would change, and carrying that out.

use axum::extract::State;
use domain::Digest;
use engine::operator::config::{self, Carried, Config, Part, Plan};
use engine::operator::connections::Draft;
use futures_util::future::try_join_all;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::connections::led_back;
use crate::app::App;
use crate::body::{Json, object};
use crate::caller::Caller;
use crate::problem::Problem;

/// A configuration to be compared with what stands.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigWanted {
    /// The configuration.
    #[serde(deserialize_with = "object")]
    config: Config,
    /// Whether what stands here and is not in it is taken away, within the parts that it has.
    #[serde(default)]
    prune: bool,
}

/// A configuration to be applied as its plan was shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigApproved {
    /// The configuration.
    #[serde(deserialize_with = "object")]
    config: Config,
    /// Whether what stands here and is not in it is taken away, within the parts that it has.
    #[serde(default)]
    prune: bool,
    /// `digest` of the plan that was shown.
    plan: Digest,
}

/// Shows the configuration as it stands: the parts that the caller may see. Secrets are named, with
/// `null` for their values.
#[utoipa::path(get, path = "/config", operation_id = "show_config", tag = "config",
    responses((status = 200, description = "As it stands", body = Config)))]
pub(super) async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Config>, Problem> {
    let seen = |part: &Part| caller.access().allows(part.reading());
    let parts: Vec<_> = Part::ALL.iter().copied().filter(seen).collect();
    Ok(Json(config::present(&app.desk(&caller), &parts).await?))
}

/// Says what a configuration would change. Changes nothing, and asks no vendor. Of a secret it says
/// whether another value is held, to those who could replace it; that is journalled, and with a token
/// it is told a few times a minute only.
#[utoipa::path(post, path = "/config/plan", operation_id = "plan_config", tag = "config",
    request_body = ConfigWanted,
    responses((status = 200, description = "What would change", body = Plan)))]
pub(super) async fn plan(
    State(app): State<App>,
    caller: Caller,
    Json(ConfigWanted { config, prune }): Json<ConfigWanted>,
) -> Result<Json<Plan>, Problem> {
    if let Some(problem) = lacking(&caller, &config) {
        return Err(problem);
    }
    note_comparison(&app, &caller, &config).await?;
    Ok(Json(config::plan(&app.desk(&caller), config, prune).await?))
}

/// Applies a configuration, exactly as its plan was shown. Connections are tried first, all of them;
/// with a required permission missing nothing is changed. Where something fails later, what is done
/// stays done, and the answer says what is left.
#[utoipa::path(post, path = "/config/apply", operation_id = "apply_config", tag = "config",
    request_body = ConfigApproved,
    responses((status = 200, description = "What was done, and what is left", body = Carried)))]
pub(super) async fn apply(
    State(app): State<App>,
    caller: Caller,
    Json(ConfigApproved { config, prune, plan }): Json<ConfigApproved>,
) -> Result<Json<Carried>, Problem> {
    if let Some(problem) = lacking(&caller, &config) {
        return Err(problem);
    }
    note_comparison(&app, &caller, &config).await?;
    let desk = app.desk(&caller);
    let prepared = config::prepare(&desk, config, prune, plan).await?;
    let drafts = prepared.drafts().iter().map(Draft::connection);
    if let Some(problem) = drafts.filter_map(|one| led_back(&caller, one.allow_loopback)).next() {
        return Err(problem);
    }
    let checks = prepared.drafts().iter().map(async |draft| {
        let report = app.check(draft.connection(), draft.secrets().clone()).await;
        report.map_err(|problem| problem.about(&format!("connections.{}", draft.connection().name)))
    });
    let reports = try_join_all(checks).await?;
    Ok(Json(config::apply(&desk, prepared, reports).await?))
}

/// What is told to who may not change one of the parts: a plan of it would tell of it, too.
fn lacking(caller: &Caller, config: &Config) -> Option<Problem> {
    config.parts().into_iter().find_map(|part| caller.lacks(part.writing()))
}

/// Journals that secrets are compared with those that are held, or refuses to do so once more for now.
/// Not for the owner of the data folder, who can open all of them.
async fn note_comparison(app: &App, caller: &Caller, config: &Config) -> Result<(), Problem> {
    if caller.access().token.is_none() || !config.gives_secrets() {
        return Ok(());
    }
    app.comparisons().take(&caller.access().name).map_err(|wait| {
        let detail = "secrets were compared too often within a short time; nothing was done";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "E-CFG-006", detail)
            .advise(format!("send it again in {} s", wait.as_secs().saturating_add(1)))
    })?;
    Ok(config::note_comparison(&app.desk(caller), config).await?)
}
