//! A file of configuration in TOML.
//!
//! Whatever does not fit is told by its line and without the value, which may be a secret that somebody
//! wrote out; what fits says where each secret lies, and holds none.

use std::path::Path;

use connector_api::Manifest;
use connector_api::manifest::FieldKind;
use habeas::config::Wanted;
use habeas::config::file::parse;
use habeas::config::secrets::Source;
use habeas::exit;

use crate::{PERSONAL, Target, hides};

pub(crate) const TARGET: Target = Target {
    name: "config",
    play,
    seeds,
    words: &[
        "[connections.a]\n",
        "[principals.b]\n",
        "[settings]\n",
        "connector = \"segment\"",
        "secrets.token = ",
        "{ env = \"X\" }",
        "{ file = \"x\" }",
        "roles = [",
        "brands = [",
        "spaces = [",
        "\"\"\"",
        "'''",
        "base_urls",
        "limits",
        "switches",
    ],
};

fn play(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match parse(&text, Path::new("nowhere"), &|name| manifest(name)) {
        Err(stop) => {
            let told = exit::text(&stop.into());
            // What does not fit is told by its name, which stands in backticks.
            hides(&told.split('`').step_by(2).collect::<String>());
            let line =
                told.split("line ").nth(1).and_then(|rest| rest.split([':', ' ', '\n']).next());
            let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or(1);
            assert!((1..=text.matches('\n').count() + 1).contains(&line), "it tells of no line");
        }
        Ok(file) => file.connections.iter().flatten().for_each(names_its_secrets),
    }
}

/// A file says where secrets lie, and nothing else about them.
fn names_its_secrets(wanted: &Wanted) {
    for source in wanted.secrets.values() {
        assert!(matches!(source, Source::Env(_) | Source::File(_)), "a file holds a secret");
    }
    for key in wanted.settings.keys() {
        let kind = wanted.manifest.field(key).map(|field| &field.kind);
        let is_open =
            kind.is_some_and(|kind| !matches!(kind, FieldKind::Secret | FieldKind::SecretPer(_)));
        assert!(is_open, "{key} is kept as a setting");
    }
}

fn manifest(name: &str) -> Option<&'static Manifest> {
    let mut all = connectors::all().iter().map(|connector| connector.manifest());
    all.find(|manifest| manifest.name == name)
}

fn seeds() -> Vec<Vec<u8>> {
    let inputs = [
        "[connections.shop]\nconnector = \"segment\"\nregion = \"eu\"\nworkspace_id = \"w\"\nspaces = [\"s\"]\n\
         secrets.token = { env = \"TOKEN\" }\nmode = \"act\"\nlimits.public_api = 5\n"
            .to_owned(),
        format!("[connections.shop]\nconnector = \"segment\"\nsecrets.token = \"{PERSONAL}\"\n"),
        format!("[connections.shop]\nconnector = \"segment\"\ntoken = \"{PERSONAL}\"\n"),
        "[principals.ada]\nroles = [\"auditor\"]\nkind = \"program\"\nbrands = [\"a\"]\n[settings]\nrespond_within = 30\n"
            .to_owned(),
        format!("a = \"{PERSONAL}\nb = [1, 2"),
    ];
    inputs.map(String::into_bytes).into()
}
