//! What the blocks and their texts promise.

use super::*;

static INSERT: Over = Over::insert("t", &[("a", Kind::Text), ("b", Kind::Bytes)], "RETURNING a");
static OVER: Over = Over::new(&[("a", Kind::Text), ("n", Kind::Int)], "SELECT v.a FROM v");

fn sizes(n_rows: i64, columns: usize) -> Vec<usize> {
    let row = |n| vec![Value::from(n); columns];
    let null_row = || vec![Value::Int(None); columns];
    let blocks = blocks((0..n_rows).map(row), columns, null_row);
    assert!(blocks.iter().all(|block| block.values.len() == block.size * columns));
    blocks.iter().map(|block| block.size).collect()
}

#[test]
fn rows_are_cut_into_few_blocks_of_known_sizes() {
    assert_eq!(sizes(0, 2), [0_usize; 0]);
    assert_eq!(sizes(1, 2), [1]);
    assert_eq!(sizes(7, 2), [8]);
    assert_eq!(sizes(300, 2), [128, 128, 64]);
    assert_eq!(sizes(300, 1), [512]);
}

#[test]
fn the_texts_carry_one_placeholder_per_value_and_type_the_first_row() {
    let expected = "WITH v (a, b) AS (VALUES (CAST(? AS TEXT), CAST(? AS BLOB)), (?, ?)) \
        INSERT INTO t (a, b) SELECT * FROM v WHERE v.a IS NOT NULL RETURNING a";
    assert_eq!(INSERT.text(Dialect::Sqlite, 2), expected);
    let expected = "WITH v (a, n) AS (VALUES (CAST(? AS TEXT), CAST(? AS BIGINT)), (?, ?)) \
        SELECT v.a FROM v";
    assert_eq!(OVER.text(Dialect::Sqlite, 2), expected);
    assert!(
        std::ptr::eq(OVER.text(Dialect::Sqlite, 2), OVER.text(Dialect::Sqlite, 2)),
        "a text is made once"
    );
}
