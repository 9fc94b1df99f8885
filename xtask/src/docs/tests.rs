//! The list of error codes in the summary.

use super::with_codes;

#[test]
fn the_summary_lists_the_codes_there_are_and_leaves_the_rest_alone() {
    let summary = "# Summary\n\n* [CLI](cli.md)\n* [Errors](errors.md)\n  * [E-A-001: Gone](errors/E-A-001.md)\n\n# Later\n";
    let titles = ["E-B-001: New".to_owned(), "E-B-002: Newer".to_owned()];
    let listed = with_codes(summary, &titles);
    let wanted = "# Summary\n\n* [CLI](cli.md)\n* [Errors](errors.md)\n  * [E-B-001: New](errors/E-B-001.md)\n  * [E-B-002: Newer](errors/E-B-002.md)\n\n# Later\n";
    assert_eq!(listed, wanted);
    assert_eq!(with_codes(&listed, &titles), listed);
}
