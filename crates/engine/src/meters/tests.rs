//! Into which class a duration falls.

use super::*;

#[test]
fn a_duration_falls_into_the_first_class_that_holds_it() {
    let durations = Durations::<1>::default();
    for millis in [1, 2, 1_000, 7_200_000] {
        durations.note(["poll"], Duration::from_millis(millis));
    }
    let read = durations.read();
    let poll = &read[&["poll".to_owned()]];
    assert_eq!(poll.n, 4);
    assert_eq!(poll.seconds, 7_201.003);
    assert_eq!(poll.classes[..2], [1, 1]);
    assert_eq!(poll.classes.iter().sum::<u64>(), 3, "what is longer than all falls into none");
}
