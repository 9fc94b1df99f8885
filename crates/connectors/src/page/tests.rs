//! The pages in `docs/connectors/` are what the manifests say, and the manifests say enough.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use connector_api::Manifest;
use connector_api::guide::{Basis, Fact};

use super::marks;
use crate::all;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/connectors");

/// Every statement that a page shows with what it rests on.
fn facts(manifest: &Manifest) -> Vec<Fact> {
    let guide = manifest.guide;
    let found = manifest.fields.iter().filter_map(|field| field.found);
    let notes = guide.tables.iter().map(|table| table.note);
    let lists = [guide.needs, guide.remarks, guide.details];
    lists.into_iter().flatten().copied().chain(found).chain(notes).collect()
}

#[test]
fn each_page_in_the_documentation_is_what_the_manifest_says() {
    for connector in all() {
        let manifest = connector.manifest();
        let path = format!("{FOLDER}/{}.md", manifest.name);
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == super::of(manifest), "{path} is stale: run `cargo xtask docs`");
    }
}

#[test]
fn each_page_in_the_documentation_has_a_connector() {
    let names: BTreeSet<_> =
        all().iter().map(|connector| format!("{}.md", connector.manifest().name)).collect();
    for file in fs::read_dir(FOLDER).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} has no connector");
    }
}

#[test]
fn what_a_guide_names_is_in_its_manifest() {
    for connector in all() {
        let manifest = connector.manifest();
        for api in manifest.guide.apis {
            for permission in api.permissions {
                assert!(manifest.permission(permission).is_some(), "no permission {permission}");
            }
            for region in manifest.regions {
                let is_there = region.base_urls.iter().any(|(base, _)| *base == api.base);
                assert!(is_there, "region {} has no base URL {}", region.name, api.base);
            }
        }
        for table in manifest.guide.tables {
            assert!(table.rows.iter().all(|row| row.len() == table.head.len()));
        }
    }
}

#[test]
fn each_permission_belongs_to_an_interface() {
    for connector in all() {
        let manifest = connector.manifest();
        for permission in manifest.permissions {
            let mut apis = manifest.guide.apis.iter();
            let is_used = apis.any(|api| api.permissions.contains(&permission.name));
            assert!(is_used, "no interface needs {}", permission.name);
        }
    }
}

#[test]
fn each_source_is_an_address() {
    for connector in all() {
        for fact in facts(connector.manifest()) {
            if let Basis::Documented(page) = fact.basis {
                assert!(page.starts_with("https://"), "{page}");
            }
        }
    }
}

#[test]
fn times_and_numbers_are_put_into_words() {
    let time = |seconds| marks::time(Duration::from_secs(seconds));
    assert_eq!(time(1), "1 second");
    assert_eq!(time(120), "2 minutes");
    assert_eq!(time(6 * 3600), "6 hours");
    assert_eq!(time(86_400), "1 day");
    assert_eq!(time(90_000), "25 hours");
    assert_eq!(marks::number(999), "999");
    assert_eq!(marks::number(3_999_000), "3,999,000");
}

#[test]
fn a_bar_does_not_end_a_cell() {
    assert_eq!(
        marks::table(["a", "b"], [["x|y", "z"]]),
        "| a | b |\n| --- | --- |\n| x\\|y | z |\n"
    );
}
