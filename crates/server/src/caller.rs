//! Who asks, and whether they may.
//!
//! [`identify`] stands before everything and says who asks; [`admit`] stands before each route that
//! needs a permission, which is every route but the few that `api` opens by name.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::access::Permission;
use domain::principal::Access;
use engine::operator::principals::tokens::{NotAccepted, authenticate};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::problem::Problem;

/// The header in which whoever opens the local socket says who they are.
pub const OPERATOR: HeaderName = HeaderName::from_static("habeas-operator");

/// Whoever asks, once they are known.
#[derive(Debug, Clone)]
pub struct Caller(Access);

impl Caller {
    /// Somebody at the socket in the data folder. Only the owner of the folder can open it, and owns
    /// the data anyway; who they say they are is what the journal says.
    pub fn owner(name: String) -> Self {
        Self(Access::of_owner(name))
    }

    /// What is told to who lacks a permission, where the route alone does not say which one is needed.
    pub(crate) fn lacks(&self, permission: Permission) -> Option<Problem> {
        (!self.0.allows(permission)).then(|| lacking(&self.0, permission))
    }

    /// Who it is, and what they may do.
    pub(crate) fn access(&self) -> &Access {
        &self.0
    }
}

/// Puts a [`Caller`] beside the request, where somebody we know asks.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>().is_some() {
        return next.run(request).await;
    }
    if let Some(header) = request.headers().get(header::AUTHORIZATION).cloned() {
        match by_token(&app, &header).await {
            Ok(access) => request.extensions_mut().insert(Caller(access)),
            Err(problem) => return problem.into_response(),
        };
    }
    next.run(request).await
}

async fn by_token(app: &App, header: &HeaderValue) -> Result<Access, Problem> {
    let token = header.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // What is no bearer token is looked up like one that nobody knows, and refused alike.
    let accepted = authenticate(app.store(), token.unwrap_or_default(), app.now()).await;
    accepted.map_err(|refused| match refused {
        NotAccepted::Token { why, token } => {
            let token = token.map(tracing::field::display);
            tracing::info!(%why, token, "a token was refused");
            Problem::new(StatusCode::UNAUTHORIZED, NotAccepted::CODE, refused.to_string())
        }
        NotAccepted::Store(error) => error.into(),
    })
}

/// Lies beside a request that comes from this machine itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromHere;

/// Lets those pass who may do what a route needs.
pub(crate) async fn admit(permission: Permission, request: Request, next: Next) -> Response {
    match refusal(request.extensions().get(), permission) {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    }
}

/// What is told to whoever may not do what needs a permission; nothing to those who may.
pub(crate) fn refusal(caller: Option<&Caller>, permission: Permission) -> Option<Problem> {
    match caller {
        None => Some(Problem::unauthenticated()),
        Some(Caller(access)) if access.allows(permission) => None,
        Some(Caller(access)) => Some(lacking(access, permission)),
    }
}

fn lacking(access: &Access, permission: Permission) -> Problem {
    let detail = format!("{} may not do this: it needs {permission}", access.name);
    Problem::new(StatusCode::FORBIDDEN, "E-API-002", detail)
        .advise("somebody with the role super_admin can give a role that includes it")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthenticated)
    }
}
