//! That the targets hold for what they begin with, and that they are the ones that can be asked for.

use super::*;

#[test]
fn every_target_holds_for_what_it_begins_with() {
    for target in TARGETS {
        for seed in (target.seeds)() {
            (target.play)(&seed);
        }
        (target.play)(b"");
    }
}

#[test]
fn the_list_of_targets_names_them_all() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, xtask::fuzz::TARGETS);
}
