//! Tokens of the Public API and what each may do (1.2).

use rand::Rng;

use super::ids::base62;

/// What a token may be allowed. `GET /`, and reading users, need none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    Privacy,
    Sources,
    Destinations,
    Spaces,
}

pub(super) struct Token {
    pub(super) secret: String,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Owner,
    Without(Permission),
    Revoked,
}

/// The workspace's tokens: an owner's, one lacking each permission, a revoked one.
pub(super) struct Tokens {
    all: Vec<Token>,
}

impl Tokens {
    pub(super) fn new(rng: &mut impl Rng) -> Tokens {
        let standings = [
            Standing::Owner,
            Standing::Without(Permission::Privacy),
            Standing::Without(Permission::Sources),
            Standing::Without(Permission::Destinations),
            Standing::Without(Permission::Spaces),
            Standing::Revoked,
        ];
        let token = |standing| Token { secret: format!("sgp_{}", base62(rng, 60)), standing };
        Tokens { all: standings.map(token).into() }
    }

    /// The place of a living token, by its secret.
    pub(super) fn find(&self, secret: &str) -> Option<usize> {
        self.all.iter().position(|t| t.secret == secret && t.standing != Standing::Revoked)
    }

    pub(super) fn allows(&self, token: usize, permission: Permission) -> bool {
        match self.all.get(token).map(|token| token.standing) {
            Some(Standing::Owner) => true,
            Some(Standing::Without(missing)) => missing != permission,
            Some(Standing::Revoked) | None => false,
        }
    }

    pub(super) fn owner(&self) -> &str {
        self.secret_of(Standing::Owner)
    }

    pub(super) fn without(&self, permission: Permission) -> &str {
        self.secret_of(Standing::Without(permission))
    }

    pub(super) fn revoked(&self) -> &str {
        self.secret_of(Standing::Revoked)
    }

    fn secret_of(&self, standing: Standing) -> &str {
        self.all.iter().find(|token| token.standing == standing).map_or("", |token| &token.secret)
    }
}
