//! What the blocks and their texts promise.

use super::*;

static INSERT: Over = Over::insert("t", &[("a", Kind::Text), ("b", Kind::Bytes)], "RETURNING a");
static OVER: Over = Over::new(&[("a", Kind::Text), ("n", Kind::Int)], "SELECT v.a FROM v");

fn sizes(n_rows: i64, columns: usize) -> Vec<usize> {
    let row = |n| vec![Value::from(n); columns];
    let null_row = || vec![Value::Int(None); columns];
    let blocks = blocks((0..n_rows).map(row).collect(), columns, null_row);
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
fn rows_are_cut_into_arrays_by_column() {
    let columns = [("a", Kind::Text), ("n", Kind::Int)];
    let row = |n: i64| vec![Value::from(n.to_string()), Value::Int((n > 0).then_some(n))];
    let all = arrays((0..513).map(row).collect(), &columns).unwrap();
    let lengths = all.iter().flatten().map(|value| match value {
        Value::List(List::Text(list)) => list.len(),
        Value::List(List::Int(list)) => list.len(),
        other => panic!("{other:?} is no list"),
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [512, 512, 1, 1]);
    assert_eq!(all[1][1], Value::List(List::Int(vec![Some(512)])));
    assert!(arrays(vec![vec![Value::from(1), Value::from(1)]], &columns).is_err());
    assert_eq!(arrays(Vec::new(), &columns).unwrap(), Vec::<Vec<Value>>::new());
}

#[test]
fn a_text_carries_a_placeholder_for_each_value_or_one_for_each_column() {
    let expected = "WITH v (a, b) AS (VALUES (CAST(? AS TEXT), CAST(? AS BLOB)), (?, ?)) \
        INSERT INTO t (a, b) SELECT * FROM v WHERE v.a IS NOT NULL RETURNING a";
    assert_eq!(INSERT.text_of_rows(2), expected);
    let expected = "WITH v (a, b) AS (SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BYTEA[]))) \
        INSERT INTO t (a, b) SELECT * FROM v WHERE v.a IS NOT NULL RETURNING a";
    assert_eq!(INSERT.text_of_arrays(), expected);
    let expected = "WITH v (a, n) AS (VALUES (CAST(? AS TEXT), CAST(? AS BIGINT)), (?, ?)) \
        SELECT v.a FROM v";
    assert_eq!(OVER.text_of_rows(2), expected);
    assert!(std::ptr::eq(OVER.text_of_rows(2), OVER.text_of_rows(2)), "a text is made once");
}
