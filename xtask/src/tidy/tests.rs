//! Tests of the rules, each on a made-up tree.

use super::{File, Finding, RULES, Tree, Weight};
use super::{
    change_notes, error_pages, header, length, links, manifests, migrations, outsiders, places,
    spaces, sql, summary, test_marks, walls,
};

type Check = fn(&Tree) -> Vec<Finding>;

fn tree(files: &[(&str, &str)]) -> Tree {
    let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
    Tree::new(files.iter().map(file).collect()).unwrap()
}

/// What a rule finds, as it is shown.
fn found(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    check(&tree(files)).iter().map(ToString::to_string).collect()
}

/// A manifest with these lines after the package's name.
fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\n{rest}")
}

#[test]
fn an_empty_tree_breaks_no_rule() {
    for (name, check) in RULES {
        assert_eq!(check(&tree(&[])), [], "{name}");
    }
}

#[test]
fn a_layer_may_use_the_ones_below() {
    let engine = manifest("engine", "[dependencies]\nstore.workspace = true\nserde = \"1\"\n");
    assert_eq!(found(walls::check, &[("crates/engine/Cargo.toml", &engine)]), [""; 0]);
}

#[test]
fn a_layer_must_not_use_the_ones_above() {
    let domain = manifest("domain", "[dependencies]\nstore.workspace = true\n");
    let found = found(walls::check, &[("crates/domain/Cargo.toml", &domain)]);
    assert_eq!(found, ["crates/domain/Cargo.toml: domain must not use store"]);
}

#[test]
fn a_layer_can_not_be_reached_under_another_name_or_for_one_platform_only() {
    let renamed = manifest("domain", "[dependencies]\nplain = { package = \"engine\" }\n");
    let platform = manifest("domain", "[target.'cfg(unix)'.dependencies]\nengine = \"1\"\n");
    for text in [renamed, platform] {
        let found = found(walls::check, &[("crates/domain/Cargo.toml", &text)]);
        assert_eq!(found, ["crates/domain/Cargo.toml: domain must not use engine"]);
    }
}

#[test]
fn only_tests_use_the_testkit() {
    let uses = manifest("engine", "[dependencies]\ntestkit.workspace = true\n");
    let tests = manifest("engine", "[dev-dependencies]\ntestkit.workspace = true\n");
    let path = "crates/engine/Cargo.toml";
    assert_eq!(found(walls::check, &[(path, &uses)]).len(), 1);
    assert_eq!(found(walls::check, &[(path, &tests)]), [""; 0]);
}

#[test]
fn not_even_the_tests_of_the_twins_see_a_connector() {
    let twins = manifest("twins", "[dev-dependencies]\nconnectors = \"1\"\ntestkit = \"1\"\n");
    let found = found(walls::check, &[("crates/twins/Cargo.toml", &twins)]);
    assert_eq!(found, ["crates/twins/Cargo.toml: even the tests of twins must not use connectors"]);
}

#[test]
fn a_crate_without_a_row_in_the_table_is_found() {
    let helpers = manifest("helpers", "");
    let found = found(walls::check, &[("crates/helpers/Cargo.toml", &helpers)]);
    assert!(found[0].contains("no row in the table of layers"), "{found:?}");
}

#[test]
fn the_walls_have_no_circle() {
    let mut built: Vec<&str> = Vec::new();
    while built.len() < walls::WALLS.len() {
        let ready = |(name, uses): &&(&str, &[&str])| {
            !built.contains(name) && uses.iter().all(|used| built.contains(used))
        };
        let (name, _) = walls::WALLS.iter().find(ready).expect("a crate that can be built next");
        built.push(name);
    }
}

#[test]
fn the_database_is_for_the_store_alone() {
    let text = |name| manifest(name, "[dependencies]\nsqlx.workspace = true\n");
    let path = "crates/x/Cargo.toml";
    assert_eq!(found(outsiders::check, &[(path, &text("store"))]), [""; 0]);
    let engine = found(outsiders::check, &[(path, &text("engine"))]);
    assert_eq!(engine, ["crates/x/Cargo.toml: only store may use sqlx"]);
}

#[test]
fn the_pure_crates_do_not_wait_but_their_tests_may() {
    let path = "crates/x/Cargo.toml";
    for name in ["domain", "connector-api", "connectors"] {
        let waits = manifest(name, "[dependencies]\ntokio.workspace = true\n");
        assert_eq!(found(outsiders::check, &[(path, &waits)]).len(), 1, "{name}");
        let tests = manifest(name, "[dev-dependencies]\ntokio.workspace = true\n");
        assert_eq!(found(outsiders::check, &[(path, &tests)]), [""; 0]);
    }
}

#[test]
fn a_crate_that_sets_its_own_lints_or_version_is_found() {
    let own = manifest("domain", "version = \"2.0.0\"\n[lints.rust]\nunsafe_code = \"allow\"\n");
    let own = found(manifests::check, &[("crates/domain/Cargo.toml", &own)]);
    assert!(own[0].contains("[lints] workspace = true"), "{own:?}");
    assert!(own[1].contains("version.workspace"), "{own:?}");
    let fields = ["version", "edition", "rust-version", "license", "publish"];
    let fields: String = fields.map(|field| format!("{field}.workspace = true\n")).concat();
    let inherits = manifest("domain", &format!("{fields}[lints]\nworkspace = true\n"));
    assert_eq!(found(manifests::check, &[("crates/domain/Cargo.toml", &inherits)]), [""; 0]);
}

#[test]
fn long_files_are_noted_and_longer_ones_break_the_rule() {
    let weights = |n_lines| -> Vec<Weight> {
        let findings = length::check(&tree(&[("a.rs", &"line\n".repeat(n_lines))]));
        findings.iter().map(|finding| finding.weight).collect()
    };
    assert_eq!(weights(400), []);
    assert_eq!(weights(401), [Weight::Noted]);
    assert_eq!(weights(800), [Weight::Noted]);
    assert_eq!(weights(801), [Weight::Broken]);
}

#[test]
fn a_source_file_without_a_sentence_at_its_head_is_found() {
    let files = [("a.rs", "//! The a.\n"), ("b.rs", "use c;\n"), ("c.rs", "//!\n"), ("d.md", "")];
    let found = found(header::check, &files);
    assert_eq!(found, ["b.rs: doesn't open with `//!`", "c.rs: doesn't open with `//!`"]);
}

#[test]
fn a_test_that_is_switched_off_is_found_and_talk_about_it_is_not() {
    let off = "    #[ignore = \"slow\"]\n#[should_panic(expected = \"x\")]\n    todo!()\n";
    let found_off = found(test_marks::check, &[("a.rs", off)]);
    assert!(found_off[0].starts_with("a.rs:1: `#[ignore`"), "{found_off:?}");
    assert_eq!(found_off.len(), 3);
    let talk = "// We have no #[ignore] here.\nlet text = \"#[ignore]\";\n";
    assert_eq!(found(test_marks::check, &[("a.rs", talk)]), [""; 0]);
}

#[test]
fn spaces_at_the_end_are_found_except_in_snapshots_and_fixtures() {
    let files =
        [("a.md", "ok\nbad \n"), ("b.md", "no break"), ("c/fixtures/d", "x "), ("e.snap", " ")];
    let found = found(spaces::check, &files);
    assert_eq!(found, ["a.md:2: ends in spaces", "b.md: doesn't end with a line break"]);
}

#[test]
fn a_statement_outside_the_store_is_found() {
    let text = "let sql = \"UPDATE tasks SET state = $1\";\n// Please UPDATE the SET.\n";
    let found =
        found(sql::check, &[("crates/engine/src/a.rs", text), ("crates/store/src/a.rs", text)]);
    assert_eq!(found[0], "crates/engine/src/a.rs:1: SQL outside the store");
    assert!(found.iter().all(|finding| finding.starts_with("crates/engine/")));
}

#[test]
fn a_place_on_a_machine_is_found_and_a_path_in_a_url_is_not() {
    let check = |line: &str| found(places::check, &[("a.md", line)]).len();
    for folder in ["work", "root", "home"] {
        assert_eq!(check(&format!("see /{folder}/me/file")), 1);
        assert_eq!(check(&format!("`file:///{folder}/me`")), 1);
        assert_eq!(check(&format!("https://example.com/{folder}/page")), 0);
        assert_eq!(check(&format!("docs/{folder}/page and ./{folder}/page")), 0);
    }
}

#[test]
fn a_registry_is_found_and_the_index_in_the_lock_file_is_not() {
    let npm = concat!("https://registry.npmjs", ".org/left-pad");
    assert_eq!(found(places::check, &[("package-lock.json", npm)]).len(), 1);
    let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(found(places::check, &[("Cargo.lock", lock)]), [""; 0]);
}

#[test]
fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
    let files = [
        (
            "crates/cli/src/a.rs",
            "//! Talks of E-CLI-009.\nfn a() -> (&str, &str) {\n(\"E-CLI-001\", \"E-CLI-002\") }\n",
        ),
        ("crates/cli/src/a/tests.rs", "assert_eq!(code, \"E-CLI-404\");\n"),
        ("docs/errors/E-CLI-001.md", "# It failed\n"),
        ("docs/errors/E-CLI-003.md", "# It failed too\n"),
        ("docs/errors/README.md", "# Errors\n"),
    ];
    let found = found(error_pages::check, &files);
    assert_eq!(
        found,
        [
            "crates/cli/src/a.rs:3: E-CLI-002 has no page docs/errors/E-CLI-002.md",
            "docs/errors/E-CLI-003.md: no source gives the code E-CLI-003",
        ]
    );
}

#[test]
fn a_gap_between_migrations_is_found() {
    let sqlite = "crates/store/migrations/sqlite/";
    let (first, third) = (format!("{sqlite}0001_start.sql"), format!("{sqlite}0003_more.sql"));
    assert_eq!(found(migrations::check, &[(&first, "")]), [""; 0]);
    let found = found(migrations::check, &[(&first, ""), (&third, "")]);
    assert_eq!(found, [format!("{third}: the next migration must start with 0002_")]);
}

#[test]
fn databases_with_different_migrations_are_found() {
    let files = [
        ("crates/store/migrations/postgres/0001_start.sql", ""),
        ("crates/store/migrations/sqlite/0001_begin.sql", ""),
    ];
    let found = found(migrations::check, &files);
    assert!(found[0].contains("has other migrations than"), "{found:?}");
}

#[test]
fn a_change_note_has_a_slug_a_kind_and_a_text() {
    let files = [
        ("changelog.d/README.md", ""),
        ("changelog.d/import.added.md", "CSV import.\n"),
        ("changelog.d/import.md", "CSV import.\n"),
        ("changelog.d/export.news.md", "CSV export.\n"),
        ("changelog.d/silent.fixed.md", "\n"),
    ];
    let found = found(change_notes::check, &files);
    assert!(found[0].starts_with("changelog.d/import.md: isn't called"), "{found:?}");
    assert!(found[1].starts_with("changelog.d/export.news.md: isn't called"), "{found:?}");
    assert_eq!(found[2..], ["changelog.d/silent.fixed.md: says nothing"]);
}

#[test]
fn this_repository_can_be_read() {
    let tree = Tree::read(&crate::workspace::root()).unwrap();
    assert!(tree.files.iter().any(|file| file.path == "xtask/src/tidy/tests.rs"));
    assert!(tree.crates.iter().any(|found| found.name == "domain"));
}

#[test]
fn a_link_to_nothing_is_found_and_links_in_code_and_to_other_places_are_not() {
    let text = "[a](b.md) [b](c.md#the-end) [c](c.md#the-start)\n[x](https://example.com/c.md)\n`[y](z.md)`\n```sh\n[y](z.md)\n```\n";
    let files = [("a.md", text), ("c.md", "# The `start`\n"), ("d.txt", "[a](b.md)\n")];
    let found = found(links::check, &files);
    assert_eq!(found, ["a.md:1: b.md is no file", "a.md:1: c.md has no heading #the-end"]);
}

#[test]
fn a_page_of_the_book_leads_to_pages_of_the_book_only() {
    let inside = "[a](../README.md) [b](errors) [c](errors/E-A-001.md) [d](#own)\n## Own\n";
    let files = [
        ("README.md", "[errors](docs/errors) and [one](docs/a.md#own)\n"),
        ("docs/a.md", inside),
        ("docs/errors/E-A-001.md", "[back](../a.md)\n"),
    ];
    let found = found(links::check, &files);
    let wanted =
        ["docs/a.md:1: README.md is not part of the book", "docs/a.md:1: docs/errors is no file"];
    assert_eq!(found, wanted);
}

#[test]
fn a_part_that_the_book_takes_over_has_to_be_there() {
    let readme = "<!-- ANCHOR: start -->\nGo.\n<!-- ANCHOR_END: start -->\n";
    let start =
        "{{#include ../README.md:start}}\n{{#include ../README.md:end}}\n{{#include no.md}}\n";
    let found = found(links::check, &[("README.md", readme), ("docs/start.md", start)]);
    let wanted =
        ["docs/start.md:2: README.md has no part end", "docs/start.md:3: docs/no.md is no file"];
    assert_eq!(found, wanted);
}

#[test]
fn a_page_that_the_book_would_rename_is_found() {
    let files = [("docs/SUMMARY.md", "[A](a/README.md)\n"), ("docs/a/README.md", "")];
    let found = found(summary::check, &files);
    assert!(found[0].starts_with("docs/a/README.md: is built as index.html"), "{found:?}");
    assert_eq!(found.len(), 1);
}

#[test]
fn a_page_that_the_summary_leaves_out_or_names_twice_is_found() {
    let files = [
        ("README.md", ""),
        ("docs/SUMMARY.md", "* [A](a.md)\n* [B](b/b.md)\n* [B again](b/b.md)\n"),
        ("docs/a.md", ""),
        ("docs/b/b.md", ""),
        ("docs/c.md", ""),
    ];
    let found = found(summary::check, &files);
    assert_eq!(found[0], "docs/b/b.md: stands twice in the summary");
    assert!(found[1].starts_with("docs/c.md: is not in docs/SUMMARY.md"), "{found:?}");
    assert_eq!(found.len(), 2);
}
