//! `habeas principals …`: the people and programs that may do something, and what.

use std::collections::BTreeSet;

use clap::Subcommand;
use domain::principal::PrincipalKind;
use domain::{Reach, Role};
use engine::operator::principals::{Changes, NewPrincipal, PrincipalList, PrincipalView};
use http::Method;
use serde_json::json;

use crate::args::Common;
use crate::client::{Client, segment};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// The commands on principals.
#[derive(Debug, Subcommand)]
pub enum Principals {
    /// List who may do something, and what.
    List,
    /// What changes one.
    #[command(flatten)]
    Change(Change),
}

/// The commands that change a principal.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Add a person or a program.
    Add(AddArgs),
    /// Change what one may do; its tokens follow at once.
    Set(SetArgs),
    /// Let one do nothing any more. Its history stays.
    #[command(after_help = "Example:\n  habeas principals disable ann")]
    Disable {
        /// Its name.
        name: String,
    },
    /// Let one do again what its roles allow.
    #[command(after_help = "Example:\n  habeas principals enable ann")]
    Enable {
        /// Its name.
        name: String,
    },
}

/// Arguments of `principals add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas principals add ann --role approver --role auditor\n  \
    habeas principals add crm-sync --program --role request_manager --brand shop\n\n\
    Roles: super_admin, connections_manager, request_manager, approver, auditor.\n\
    What each allows: docs/permissions.md.")]
pub struct AddArgs {
    /// Its name, as the journal will say it: small letters, digits, `-`, `_` and `.`.
    name: String,
    /// A role; may be given more than once.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<Role>,
    /// Only in requests of this brand; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND")]
    brands: Vec<String>,
    /// It is a program, not a person.
    #[arg(long)]
    program: bool,
}

/// Arguments of `principals set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas principals set ann --role auditor\n  \
    habeas principals set ann --brand shop --brand outlet\n  \
    habeas principals set ann --all-brands\n\n\
    What is given takes the place of what was: name every role that is to stay.")]
pub struct SetArgs {
    /// Its name.
    name: String,
    /// A role; may be given more than once.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// Only in requests of this brand; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND", conflicts_with = "all_brands")]
    brands: Vec<String>,
    /// In all requests.
    #[arg(long)]
    all_brands: bool,
}

/// Runs one of them.
pub async fn run(command: Principals, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let change = match command {
        Principals::List => return list(common, screen).await,
        Principals::Change(change) => change,
    };
    let client = Client::to_write(common, screen).await?;
    let (principal, next) = carry_out(change, &client).await?;
    if screen.json {
        screen.json(&json!({"principal": principal}))?;
    } else {
        screen.line(told(&principal));
        screen.line(next);
    }
    Ok(Exit::Done)
}

/// The principal as it is then, and what to do next.
async fn carry_out(change: Change, client: &Client) -> anyhow::Result<(PrincipalView, String)> {
    let path = |name: &str| format!("/principals/{}", segment(name));
    Ok(match change {
        Change::Add(args) => {
            let reach = some_brands(&args.brands).unwrap_or(Reach::All);
            let kind = if args.program { PrincipalKind::Program } else { PrincipalKind::Person };
            let roles = args.roles.into_iter().collect();
            let new = NewPrincipal { name: args.name, kind, roles, reach };
            let added: PrincipalView = client.post("/principals", &new).await?;
            let next = format!("A token for it: habeas tokens add {} --label TEXT", added.name);
            (added, next)
        }
        Change::Set(args) => {
            let changes = changes(&args)?;
            let path = path(&args.name);
            let set: PrincipalView = client.send(Method::PATCH, &path, &changes).await?;
            let next = match set.disabled_at {
                None => "Its tokens follow at once.".to_owned(),
                Some(_) => {
                    format!("It is disabled. On again: habeas principals enable {}", set.name)
                }
            };
            (set, next)
        }
        Change::Disable { name } => {
            let disabled = client.post_to(&format!("{}/disable", path(&name))).await?;
            let next = "It may do nothing any more. On again: habeas principals enable";
            (disabled, format!("{next} {name}"))
        }
        Change::Enable { name } => {
            let path = format!("{}/enable", path(&name));
            let enabled: PrincipalView = client.post_to(&path).await?;
            let next = match enabled.n_tokens {
                0 => format!("It has no token: habeas tokens add {name} --label TEXT"),
                n => format!("Accepted again: {}.", show::n_of(n.into(), "token")),
            };
            (enabled, next)
        }
    })
}

async fn list(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let PrincipalList { principals } = client.get("/principals").await?;
    if screen.json {
        screen.json(&json!({"principals": principals}))?;
        return Ok(Exit::Done);
    }
    if principals.is_empty() {
        screen.line(
            "Nobody is known by name yet; whoever can open this folder may do everything. The first: habeas principals add NAME --role super_admin",
        );
        return Ok(Exit::Done);
    }
    let rows = principals.iter().map(|one| {
        let state = match one.disabled_at {
            Some(at) => format!("disabled since {}", show::time(at)),
            None => "enabled".to_owned(),
        };
        let (name, kind) = (one.name.clone(), one.kind.to_string());
        vec![name, kind, show::list(&one.roles), reach(&one.reach), one.n_tokens.to_string(), state]
    });
    screen.table(&["principal", "kind", "roles", "requests", "tokens", "state"], rows.collect());
    Ok(Exit::Done)
}

fn changes(args: &SetArgs) -> anyhow::Result<Changes> {
    let roles = (!args.roles.is_empty()).then(|| args.roles.iter().copied().collect());
    let reach = if args.all_brands { Some(Reach::All) } else { some_brands(&args.brands) };
    if roles.is_none() && reach.is_none() {
        return Err(Stop::usage("nothing is to change")
            .advise("give --role, --brand or --all-brands")
            .into());
    }
    Ok(Changes { roles, reach })
}

/// A reach of the brands that were named, if any were.
pub fn some_brands(brands: &[String]) -> Option<Reach> {
    let brands: BTreeSet<_> = brands.iter().map(|brand| brand.trim().to_owned()).collect();
    (!brands.is_empty()).then_some(Reach::Brands(brands))
}

/// A reach in words.
pub fn reach(reach: &Reach) -> String {
    reach.brands().map_or_else(|| "all".to_owned(), |brands| format!("of {}", show::list(brands)))
}

fn told(one: &PrincipalView) -> String {
    format!("{}: {}; requests: {}.", one.name, show::list(&one.roles), reach(&one.reach))
}
