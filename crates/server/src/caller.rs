//! Who asks, and whether they may.
//!
//! [`identify`] stands before everything and says who asks; [`admit`] stands before each route that
//! needs a permission, which is every route but the few that `api` opens by name.

use std::collections::BTreeSet;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::access::{Permission, Reach, Role};
use domain::principal::Access;
use engine::operator::principals::tokens::{NotAccepted, authenticate};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::problem::Problem;

/// Somebody at the socket in the data folder. Only the owner of the folder can open it, and owns
/// the data anyway; who they say they are is what the journal says.
#[derive(Debug, Clone)]
pub struct Local {
    /// The name by which the journal knows them.
    pub name: String,
}

/// Whoever asks, once they are known.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Whoever owns the data folder.
    Local(Local),
    /// A principal, by a token.
    Known(Access),
}

impl Caller {
    /// The name that the journal says.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Local(local) => &local.name,
            Self::Known(access) => &access.name,
        }
    }

    /// Whose requests they reach.
    pub(crate) fn reach(&self) -> &Reach {
        match self {
            Self::Local(_) => &Reach::All,
            Self::Known(access) => &access.reach,
        }
    }

    /// Their roles: what they may give to others.
    pub(crate) fn roles(&self) -> BTreeSet<Role> {
        match self {
            Self::Local(_) => Role::every(),
            Self::Known(access) => access.roles.clone(),
        }
    }

    /// Whether they may do this.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Known(access) => access.allows(permission),
        }
    }
}

/// Puts a [`Caller`] beside the request, where somebody we know asks.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let local = request.extensions().get::<Local>().cloned();
    let header = request.headers().get(header::AUTHORIZATION).cloned();
    match who(&app, local, header).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

async fn who(
    app: &App,
    local: Option<Local>,
    header: Option<HeaderValue>,
) -> Result<Option<Caller>, Problem> {
    if let Some(local) = local {
        return Ok(Some(Caller::Local(local)));
    }
    let Some(header) = header else { return Ok(None) };
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let token = token.ok_or_else(Problem::unauthenticated)?;
    match authenticate(app.store(), token, app.now()).await {
        Ok(access) => Ok(Some(Caller::Known(access))),
        Err(NotAccepted::Token { why, token }) => {
            let token = token.map(tracing::field::display);
            tracing::info!(%why, token, "a token was refused");
            Err(Problem::unauthenticated())
        }
        Err(NotAccepted::Store(error)) => Err(error.into()),
    }
}

/// Lets those pass who may do what a route needs.
pub(crate) async fn admit(permission: Permission, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        None => Problem::unauthenticated().into_response(),
        Some(caller) if caller.may(permission) => next.run(request).await,
        Some(caller) => lacking(caller, permission).into_response(),
    }
}

fn lacking(caller: &Caller, permission: Permission) -> Problem {
    let detail = format!("{} may not do this: it needs {permission}", caller.name());
    Problem::new(StatusCode::FORBIDDEN, "E-API-002", detail)
        .advise("somebody with the role super_admin can give a role that includes it")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthenticated)
    }
}
