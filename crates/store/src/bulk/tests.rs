//! What the blocks and their texts promise.

use super::*;
use crate::db::values;

static INSERT: Insert = Insert::new("t", &["a", "b"]);
static OVER: Over = Over::new(&[("a", Kind::Text), ("n", Kind::Int)], "SELECT v.a FROM v");

fn sizes(n_rows: i64) -> Vec<usize> {
    blocks((0..n_rows).map(|n| values![n])).iter().map(|block| block.size).collect()
}

#[test]
fn rows_are_cut_into_few_blocks_of_known_sizes() {
    assert_eq!(sizes(0), [0_usize; 0]);
    assert_eq!(sizes(1), [1]);
    assert_eq!(sizes(7), [4, 2, 1]);
    assert_eq!(sizes(300), [128, 128, 32, 8, 4]);
}

#[test]
fn the_texts_carry_one_placeholder_per_value_and_type_the_first_row() {
    assert_eq!(INSERT.text(2), "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ");
    let expected = "WITH v (a, n) AS (VALUES (CAST(? AS TEXT), CAST(? AS BIGINT)), (?, ?)) \
        SELECT v.a FROM v";
    assert_eq!(OVER.text(2), expected);
    assert!(std::ptr::eq(OVER.text(2), OVER.text(2)), "a text is made once");
}
