//! `habeas request new`: takes in one request.

use anyhow::Context;
use domain::identifier::Region;
use domain::{IdentifierKind, Right};
use engine::operator::intake::TakenIn;
use engine::operator::{Draft, Given};

use crate::args::Common;
use crate::client::{Client, query};
use crate::exit::{Exit, Stop};
use crate::screen::Screen;

/// Arguments of `request new`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    habeas request new --right access --email ADDRESS\n  \
    habeas request new --right deletion --user-id ID --id id.crm=NUMBER --received-at 2026-11-20\n\n\
    Without an identifier it asks for one, so that none has to stand in the shell's history.")]
pub struct Args {
    /// The right.
    #[arg(long, value_name = "RIGHT")]
    right: Right,
    /// The scope, parted by |; the right's default without it.
    #[arg(long, value_name = "SCOPE", default_value = "")]
    scope: String,
    /// An e-mail address; may be given more than once, like every identifier.
    #[arg(long, value_name = "ADDRESS")]
    email: Vec<String>,
    /// A phone number, with its country.
    #[arg(long, value_name = "NUMBER")]
    phone: Vec<String>,
    /// The company's own id of the user.
    #[arg(long, value_name = "ID")]
    user_id: Vec<String>,
    /// An identifier of any type: anonymous_id=…, advertising_id=…, id.NAME=….
    #[arg(long = "id", value_name = "TYPE=VALUE")]
    other: Vec<String>,
    /// The country of phone numbers that don't say theirs.
    #[arg(long, value_name = "COUNTRY")]
    phone_region: Option<Region>,
    /// The law it comes under.
    #[arg(long, value_name = "LAW")]
    jurisdiction: Option<String>,
    /// The brand it was made to.
    #[arg(long, value_name = "BRAND")]
    brand: Option<String>,
    /// The kind of person: customer, employee, ….
    #[arg(long, value_name = "KIND")]
    subject_kind: Option<String>,
    /// The name another system has for it; the same name again is the same request.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// When it was received; now without it.
    #[arg(long, value_name = "DATE")]
    received_at: Option<String>,
    /// When it must be answered; the setting respond_within decides without it.
    #[arg(long, value_name = "DATE")]
    due_at: Option<String>,
    /// Who verified the person; you without it.
    #[arg(long, value_name = "WHO")]
    verified_by: Option<String>,
    /// When they did.
    #[arg(long, value_name = "DATE")]
    verified_at: Option<String>,
}

/// Takes a request in.
pub async fn run(args: Args, common: &Common, screen: Screen) -> anyhow::Result<Exit> {
    let region = args.phone_region.clone();
    let mut draft = draft(args)?;
    if draft.identifiers.is_empty() && screen.can_ask() {
        let address: String = dialoguer::Input::new()
            .with_prompt("E-mail address of the person")
            .interact_text()
            .context("could not ask")?;
        draft.identifiers.push(Given::new(IdentifierKind::Email, address));
    }
    let client = Client::to_write(common, screen).await?;
    let query = query([("phone_region", region.map(|region| region.to_string()))]);
    let taken = client.post(&format!("/requests{query}"), &draft).await;
    let taken: TakenIn = taken.map_err(|error| super::by_type(error, &draft.identifiers))?;
    if screen.json {
        screen.json(&taken)?;
    } else {
        let id = taken.request;
        let what = if taken.is_new { "is in" } else { "was in already" };
        screen.line(format!("{id} {what}. See it: habeas request show {id}"));
    }
    client.act().await?;
    Ok(Exit::Done)
}

fn draft(args: Args) -> Result<Draft, Stop> {
    let mut identifiers = Vec::new();
    let built_in = [
        (IdentifierKind::Email, args.email),
        (IdentifierKind::Phone, args.phone),
        (IdentifierKind::UserId, args.user_id),
    ];
    for (kind, values) in built_in {
        identifiers.extend(values.into_iter().map(|value| Given::new(kind.clone(), value)));
    }
    for text in &args.other {
        let (kind, value) =
            text.split_once('=').ok_or_else(|| Stop::usage("--id takes TYPE=VALUE"))?;
        let kind = kind.parse().map_err(|error| Stop::usage(format!("--id: {error}")))?;
        identifiers.push(Given::new(kind, value));
    }
    Ok(Draft {
        right: args.right.word().to_owned(),
        scope: args.scope,
        identifiers,
        jurisdiction: args.jurisdiction,
        brand: args.brand,
        subject_kind: args.subject_kind,
        external_id: args.external_id,
        received_at: args.received_at,
        due_at: args.due_at,
        verified_by: args.verified_by,
        verified_at: args.verified_at,
    })
}
