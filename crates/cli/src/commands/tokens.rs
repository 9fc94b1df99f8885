//! `habeas tokens …`: what principals show to be known by the API.

use clap::Subcommand;
use domain::{Instant, Role, TokenId};
use engine::operator::principals::tokens::{MadeToken, TokenList};
use engine::operator::principals::{NewToken, TokenState, TokenView};
use serde_json::json;

use super::principals::{reach, some_brands};
use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// The commands on tokens.
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// List tokens; their texts are kept nowhere.
    #[command(after_help = "Examples:\n  habeas tokens list\n  habeas tokens list ann")]
    List {
        /// Of this principal only.
        principal: Option<String>,
    },
    /// Make a token and show its text, this once.
    Add(AddArgs),
    /// End a token, for good.
    #[command(after_help = "Example:\n  habeas tokens revoke tok_01")]
    Revoke {
        /// The token's id, or the beginning of it; never its text.
        id: String,
    },
}

/// Arguments of `tokens add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas tokens add ann --label laptop\n  \
    habeas tokens add crm-sync --label 'nightly sync' --days 365 --role request_manager\n\n\
    A token has the roles and brands of its principal, or fewer; never more.")]
pub struct AddArgs {
    /// Whose it is.
    principal: String,
    /// What it is for, in a few words.
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// Days until it ends by itself; at most 365.
    #[arg(long, value_name = "N", default_value_t = 90)]
    days: u32,
    /// Only this role of the principal's; may be given more than once.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// Only in requests of this brand; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND")]
    brands: Vec<String>,
}

/// Runs one of them.
pub async fn run(command: Tokens, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Tokens::List { principal } => list(principal.as_deref(), common, screen).await,
        Tokens::Add(args) => add(args, common, screen).await,
        Tokens::Revoke { id } => revoke(&id, common, screen).await,
    }
}

async fn list(principal: Option<&str>, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let path = principal.map_or("/tokens".to_owned(), of);
    let TokenList { tokens } = client.get(&path).await?;
    if screen.json {
        screen.json(&json!({"tokens": tokens}))?;
        return Ok(Exit::Done);
    }
    if tokens.is_empty() {
        screen.line("No token yet. One for a principal: habeas tokens add NAME --label TEXT");
        return Ok(Exit::Done);
    }
    let rows = tokens.iter().map(|one| row(one, client.now)).collect();
    screen.table(&["token", "principal", "for", "narrowed to", "state"], rows);
    Ok(Exit::Done)
}

async fn add(args: AddArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let new = NewToken {
        label: args.label,
        roles: (!args.roles.is_empty()).then(|| args.roles.into_iter().collect()),
        reach: some_brands(&args.brands),
        days: Some(args.days),
    };
    let made: MadeToken = client.post(&of(&args.principal), &new).await?;
    if screen.json {
        screen.json(&made)?;
        return Ok(Exit::Done);
    }
    if let Some(secret) = &made.secret {
        screen.line(secret.expose());
    }
    client.note(format!(
        "the token of {}, {}; it is shown this once and kept nowhere. To end it: habeas tokens revoke {}",
        made.token.principal,
        state(&made.token, client.now),
        made.token.id
    ));
    Ok(Exit::Done)
}

async fn revoke(id: &str, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let id = meant(&client, id).await?;
    let revoked: TokenView = client.delete(&format!("/tokens/{id}")).await?;
    if screen.json {
        screen.json(&json!({"token": revoked}))?;
    } else {
        screen.line(format!(
            "{} of {} is not accepted any more. Another one: habeas tokens add {} --label TEXT",
            revoked.id, revoked.principal, revoked.principal
        ));
    }
    Ok(Exit::Done)
}

/// Where the tokens of a principal are.
fn of(principal: &str) -> String {
    format!("/principals/{}/tokens", segment(principal))
}

/// The one token whose id begins like this. What somebody typed is sent nowhere: it may be the text of
/// a token.
async fn meant(client: &Client, text: &str) -> anyhow::Result<TokenId> {
    let TokenList { tokens } = client.get("/tokens").await?;
    let ids: Vec<_> = tokens.iter().map(|token| token.id).collect();
    let mut found = ids.into_iter().filter(|id| id.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Stop::usage("there is no such token")
            .code("E-ACT-001")
            .advise("see `habeas tokens list`")
            .into()),
        _ => Err(Stop::usage("several tokens begin like that; give more of the id")
            .code("E-ACT-002")
            .into()),
    }
}

fn row(one: &TokenView, now: Instant) -> Vec<String> {
    let roles = one.roles.as_ref().map(show::list);
    let brands = one.reach.as_ref().map(reach);
    let narrowed: Vec<_> = roles.into_iter().chain(brands).collect();
    let narrowed = if narrowed.is_empty() { "-".to_owned() } else { narrowed.join("\n") };
    let (id, label) = (one.id.to_string(), one.label.clone());
    vec![id, one.principal.clone(), label, narrowed, state(one, now)]
}

/// Whether a token is accepted, and until or since when.
fn state(one: &TokenView, now: Instant) -> String {
    match (one.state, one.revoked_at, one.expires_at) {
        (TokenState::Revoked, Some(at), _) => format!("revoked {}", show::time(at)),
        (TokenState::Expired, _, Some(at)) => format!("expired {}", show::time(at)),
        (TokenState::Disabled, ..) => "its principal is disabled".to_owned(),
        (_, _, Some(at)) => format!("good until {}", show::when(at, now)),
        (other, ..) => other.to_string(),
    }
}
