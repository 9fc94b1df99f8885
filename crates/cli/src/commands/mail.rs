//! `habeas mail …`: the mail server, and whose addresses get which notices.

use std::fs;
use std::path::PathBuf;

use clap::Subcommand;
use domain::NoticeKind;
use engine::operator::mail::{MailView, NewMailServer, NewRecipient, RecipientView};
use engine::telling::{MailSecurity, MailServer};
use http::Method;
use serde_json::json;
use store::Secret;

use super::deliveries::{self, DeliveriesArgs, ReplayArgs};
use super::principals::{reach, some_brands};
use crate::args::Common;
use crate::client::{Client, segment};
use crate::config::secrets::Source;
use crate::exit::{self, Exit, Stop};
use crate::screen::Screen;
use crate::show;

/// The commands on mail.
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Show the mail server and the recipients, and how much was not taken.
    Show,
    /// Name the mail server, in place of the one before.
    Set(SetArgs),
    /// Forget the mail server and its password.
    Unset,
    /// Add a recipient, or say anew what one gets.
    Add(AddArgs),
    /// Remove a recipient, with all letters that were still to be sent.
    Remove {
        /// Its name.
        name: String,
    },
    /// List letters to a recipient.
    #[command(after_help = "Examples:\n  \
        habeas mail deliveries ann\n  \
        habeas mail deliveries ann --dead")]
    Deliveries(DeliveriesArgs),
    /// Send a recipient something again.
    #[command(after_help = "Examples:\n  \
        habeas mail replay ann --seq 4711\n  \
        habeas mail replay ann --dead\n  \
        habeas mail replay ann --since 2026-11-20T00:00:00Z")]
    Replay(ReplayArgs),
}

/// Arguments of `mail set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas mail set --host smtp.example.org --from habeas@example.org --user habeas --password env:SMTP_PASSWORD\n  \
    habeas mail set --host smtp.example.org --port 465 --from habeas@example.org --user habeas --password file:smtp.password\n  \
    habeas mail set --host localhost --port 25 --security unencrypted --from habeas@example.org")]
pub struct SetArgs {
    /// Its host.
    #[arg(long)]
    host: String,
    /// Its port; 587, or 465 with `--security tls`.
    #[arg(long)]
    port: Option<u16>,
    /// How the way there is kept from others: `starttls`, `tls` as on port 465, or `unencrypted`.
    #[arg(long)]
    security: Option<MailSecurity>,
    /// The address that letters come from.
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// As whom we are known there.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Where the password lies: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "PLACE", requires = "user")]
    password: Option<String>,
    /// Certificates in PEM form that vouch for it, beside those the machine trusts.
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
}

/// Arguments of `mail add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas mail add ann --to ann@example.org\n  \
    habeas mail add pager --to pager@example.org --kind connection_broken --kind guard_tripped")]
pub struct AddArgs {
    /// Its name: small letters, digits, `-`, `_` and `.`.
    name: String,
    /// The address.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Only notices of this kind; may be given more than once. All kinds without it.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<NoticeKind>,
    /// Only about requests of this brand; may be given more than once.
    #[arg(long = "brand", value_name = "BRAND")]
    brands: Vec<String>,
}

/// Runs one of them.
pub async fn run(command: Mail, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    match command {
        Mail::Show => show(common, screen).await,
        Mail::Set(args) => set(args, common, screen).await,
        Mail::Unset => unset(common, screen).await,
        Mail::Add(args) => add(args, common, screen).await,
        Mail::Remove { name } => remove(&name, common, screen).await,
        Mail::Deliveries(args) => {
            let at = at(&args.name);
            deliveries::deliveries(args, &at, "mail", common, screen).await
        }
        Mail::Replay(args) => {
            let at = at(&args.name);
            deliveries::replay(args, &at, common, screen).await
        }
    }
}

async fn show(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_read(common, screen).await?;
    let mail: MailView = client.get("/mail").await?;
    if screen.json {
        screen.json(&mail)?;
        return Ok(Exit::Done);
    }
    match &mail.server {
        Some(server) => tell_server(server, screen),
        None => screen
            .line("No mail server is set. To name one: habeas mail set --host HOST --from ADDRESS"),
    }
    if mail.recipients.is_empty() {
        screen.line("No address gets notices. To add one: habeas mail add NAME --to ADDRESS");
    } else {
        tell_recipients(&mail.recipients, screen);
    }
    Ok(Exit::Done)
}

async fn set(args: SetArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let password = args.password.as_deref().map(password).transpose()?;
    let ca = match &args.server_ca {
        Some(path) => {
            Some(fs::read_to_string(path).map_err(|error| exit::unreadable(path, error))?)
        }
        None => None,
    };
    let new = NewMailServer {
        host: args.host,
        port: args.port,
        security: args.security,
        from: args.from,
        username: args.user,
        password: password.map(Secret::new),
        ca,
    };
    let client = Client::to_write(common, screen).await?;
    let server: MailServer = client.send(Method::PUT, "/mail/server", &new).await?;
    if screen.json {
        screen.json(&json!({"server": server}))?;
    } else {
        tell_server(&server, screen);
        screen.line("To try it: habeas notices test");
    }
    client.act().await?;
    Ok(Exit::Done)
}

/// The password from where it lies.
fn password(place: &str) -> anyhow::Result<String> {
    let source = Source::from_flag("password", place).map_err(|_| {
        Stop::usage("a password written out would stand in the list of processes")
            .advise("write --password env:NAME or --password file:PATH")
    })?;
    source.resolve("password")
}

async fn unset(common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let mail: MailView = client.delete("/mail/server").await?;
    if screen.json {
        screen.json(&mail)?;
    } else {
        screen.line(
            "The mail server and its password are forgotten. Letters wait until another is set.",
        );
    }
    Ok(Exit::Done)
}

async fn add(args: AddArgs, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let kinds = (!args.kinds.is_empty()).then(|| args.kinds.into_iter().collect());
    let new = NewRecipient { address: args.to, kinds, reach: some_brands(&args.brands) };
    let client = Client::to_write(common, screen).await?;
    let recipient: RecipientView = client.send(Method::PUT, &at(&args.name), &new).await?;
    if screen.json {
        screen.json(&json!({"recipient": recipient}))?;
    } else {
        tell_recipients(&[recipient], screen);
        screen.line("To try it: habeas notices test");
    }
    Ok(Exit::Done)
}

async fn remove(name: &str, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let client = Client::to_write(common, screen).await?;
    let removed: RecipientView = client.delete(&at(name)).await?;
    if screen.json {
        screen.json(&json!({"recipient": removed}))?;
    } else {
        screen.line(format!("{} is removed, and gets nothing any more.", removed.name));
    }
    Ok(Exit::Done)
}

fn tell_server(server: &MailServer, screen: Screen) {
    let MailServer { host, port, security, from, username, ca } = server;
    let user = username.as_deref().unwrap_or("-").to_owned();
    let trust = if ca.is_some() { "the machine's and its own" } else { "the machine's" };
    let row =
        vec![format!("{host}:{port}"), security.to_string(), from.clone(), user, trust.to_owned()];
    screen.table(&["mail server", "security", "from", "user", "certificates"], vec![row]);
}

fn tell_recipients(recipients: &[RecipientView], screen: Screen) {
    let rows = recipients.iter().map(|one| {
        let kinds = match one.kinds.len() == NoticeKind::ALL.len() {
            true => "every notice".to_owned(),
            false => show::list(&one.kinds),
        };
        let gets = match one.reach.brands() {
            Some(_) => format!("{kinds}\n{}", reach(&one.reach)),
            None => kinds,
        };
        let [waiting, dead] = [one.n_waiting, one.n_dead].map(|n| n.to_string());
        let state = one.disabled.as_ref().map_or_else(
            || "on".to_owned(),
            |disabled| format!("disabled {}: {}", show::time(disabled.since), disabled.why),
        );
        vec![one.name.clone(), one.address.clone(), gets, waiting, dead, state]
    });
    let columns = ["recipient", "address", "gets", "waiting", "dead", "state"];
    screen.table(&columns, rows.collect());
}

/// Where a recipient lies.
fn at(name: &str) -> String {
    format!("/mail/recipients/{}", segment(name))
}
