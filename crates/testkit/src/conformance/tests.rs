//! Tests of the suite itself.

#[test]
fn every_scenario_is_in_the_list_that_a_connector_joins() {
    let list = include_str!("../conformance.rs");
    let groups = [
        ("calls", include_str!("calls.rs")),
        ("connecting", include_str!("connecting.rs")),
        ("ends", include_str!("ends.rs")),
        ("manifest", include_str!("manifest.rs")),
        ("secrets", include_str!("secrets.rs")),
    ];
    let mut n_scenarios = 0;
    for (group, text) in groups {
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split('(').next().unwrap();
            assert!(list.contains(&format!("{group}: {name};")), "{group}: {name} is not listed");
            n_scenarios += 1;
        }
    }
    assert!(n_scenarios > 20);
}
