//! A vendor's page in the documentation, made from its manifest.
//!
//! `cargo xtask docs` writes the pages into `docs/connectors/`, and a test fails while one of them
//! is stale. A heading is a function; the words of a page are the manifest's.

use connector_api::Manifest;
use connector_api::manifest::{Field, FieldKind};
use domain::Right;

mod example;
mod marks;
mod technical;
#[cfg(test)]
mod tests;

use marks::{bullets, table};

/// The page, as Markdown.
pub fn of(manifest: &Manifest) -> String {
    [
        head(manifest),
        capabilities(manifest),
        before_you_start(manifest),
        steps(manifest),
        connect(manifest),
        next_steps(manifest),
        troubleshooting(manifest),
        technical::details(manifest),
    ]
    .join("\n")
}

fn head(manifest: &Manifest) -> String {
    let Manifest { title, summary, category, .. } = manifest;
    format!(
        "# {title}\n\n\
         <!-- Made from the connector's manifest by `cargo xtask docs`; change that. -->\n\n\
         {summary} Category: {category}.\n\n\
         What a statement on {title} rests on stands behind it: a *source* is the page that says \
         so, and *inferred* is our conclusion where no document does. Everything else is what \
         Habeas does.\n"
    )
}

fn capabilities(manifest: &Manifest) -> String {
    let rows = manifest.capabilities.iter().map(|it| {
        let answers = if it.is_asynchronous { "as a job, later" } else { "at once" };
        [it.right.to_string(), answers.to_owned(), it.summary.to_owned()]
    });
    let takes: Vec<_> = manifest.takes.iter().map(|kind| format!("`{kind}`")).collect();
    format!(
        "## Capabilities\n\n{}\n\
         Every other right becomes a task for a person. People are looked up by {}.\n\n{}",
        table(["right", "answers", "what it does"], rows),
        takes.join(", "),
        bullets(manifest.guide.remarks),
    )
}

fn before_you_start(manifest: &Manifest) -> String {
    format!(
        "## Before you start\n\n\
         * In Habeas the role `super_admin` or `connections_manager`: \
         [Permissions](../permissions.md).\n{}",
        bullets(manifest.guide.needs)
    )
}

fn steps(manifest: &Manifest) -> String {
    let found = |field: &Field| Some((field.title, field.required, field.found?));
    let steps = manifest.fields.iter().filter_map(found).enumerate();
    let lines = steps.map(|(index, (title, required, found))| {
        let optional = if required { "" } else { " (optional)" };
        format!("{}. **{title}**{optional}: {}\n", index + 1, marks::fact(&found))
    });
    format!("## Steps in {}\n\n{}", manifest.title, lines.collect::<String>())
}

fn connect(manifest: &Manifest) -> String {
    let name = manifest.name;
    let mut page = format!(
        "## Connect\n\n\
         At a terminal, `habeas connect {name}` asks for each value in turn; secrets are typed \
         unseen. For scripts, a file; paths in it are relative to it:\n\n\
         ```toml\n{}```\n\n\
         ```sh\nhabeas connect {name} --file habeas.toml\n```\n\n\
         Flags say the same: `--set KEY=VALUE`, and `--set secrets.KEY=env:VARIABLE` for a secret, \
         which is never written out in a file or an argument. Each permission is tried by itself \
         and nothing is written at the vendor. Without a required one nothing is saved \
         ([E-SET-004](../errors/E-SET-004.md)); neither is a connection whose credentials lead to \
         another account ([E-SET-005](../errors/E-SET-005.md)) or whose settings or secrets don't fit \
         ([E-SET-008](../errors/E-SET-008.md) to [E-SET-010](../errors/E-SET-010.md)).\n\n{}",
        example::configuration(manifest),
        settings(manifest),
    );
    for it in manifest.guide.tables {
        let rows = it.rows.iter().map(|row| row.iter().copied());
        let note = marks::fact(&it.note);
        page += &format!("\n{}\n{note}\n", table(it.head.iter().copied(), rows));
    }
    page
}

fn settings(manifest: &Manifest) -> String {
    let rows = manifest.fields.iter().map(|field| {
        let required = if field.required { "yes" } else { "no" };
        let what = format!("{}{}{}", field.title, after(". ", field.help), words(field.kind));
        [key(field), required.to_owned(), what]
    });
    table(["key", "required", "what"], rows)
}

/// The key as it is written in a file.
fn key(field: &Field) -> String {
    let key = field.key;
    match field.kind {
        FieldKind::Secret => format!("`secrets.{key}`"),
        FieldKind::SecretPer(list) => format!("`secrets.\"{key}.…\"`, one per entry of `{list}`"),
        FieldKind::Table(_) => format!("`{key}.NAME`"),
        FieldKind::Text | FieldKind::Choice(_) | FieldKind::List => format!("`{key}`"),
    }
}

/// What a field takes, where that is not open.
fn words(kind: FieldKind) -> String {
    let listed = |words: &[&str]| {
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    match kind {
        FieldKind::Choice(words) => format!(" One of {}.", listed(words)),
        FieldKind::Table(names) => format!(" The names: {}.", listed(names)),
        FieldKind::Text | FieldKind::Secret | FieldKind::List | FieldKind::SecretPer(_) => {
            String::new()
        }
    }
}

fn next_steps(manifest: &Manifest) -> String {
    let name = example::connection(manifest);
    let asked = manifest.capabilities.iter().find(|it| it.right == Right::Deletion);
    let right = asked.or(manifest.capabilities.first()).map_or("deletion", |it| it.right.word());
    format!(
        "## Next steps\n\n\
         1. Look at what was found out: `habeas connections list`.\n\
         2. A new connection only observes. Take in a request and see what it would have sent: \
         `habeas request new --right {right} --email ADDRESS`, then `habeas request show ID`.\n\
         3. Let it act: `habeas connections set {name} mode=act`.\n\
         4. If only some requests concern this account: \
         `habeas connections set {name} serves.brands=shop`.\n\n\
         What happens then: [an access request](../concepts/access-request.md), \
         [a deletion request](../concepts/deletion-request.md), \
         [systems that answer at once and later](../concepts/synchronous-and-asynchronous.md).\n"
    )
}

fn troubleshooting(manifest: &Manifest) -> String {
    let rows = manifest.guide.troubles.iter().map(|it| [it.seen, it.meaning, it.remedy]);
    format!(
        "## Troubleshooting\n\n{}\n\
         What a vendor may do wrong beyond that: [When a vendor misbehaves](../faults.md).\n",
        table(["what you see", "what it means", "what to do"], rows)
    )
}

/// A text with what comes before it, or nothing.
fn after(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
}
