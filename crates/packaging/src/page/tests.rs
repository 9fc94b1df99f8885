//! What the page shows of records that are large, deep or odd.

use super::*;

#[test]
fn a_page_stays_small_whatever_the_records_hold() {
    let mut sample = Sample::default();
    let wide: serde_json::Map<_, _> =
        (0..500).map(|n| (format!("field{n}"), Value::from("x".repeat(10_000)))).collect();
    let wide = Value::Object(wide).to_string();
    for _ in 0..1000 {
        sample.take(&wide);
    }
    assert_eq!(sample.rows.len(), MOST_ROWS);
    assert_eq!(sample.columns.len(), MOST_COLUMNS);
    assert!(sample.has_more_columns);
    let longest = sample.rows.iter().flat_map(BTreeMap::values).map(|cell| cell.chars().count());
    assert_eq!(longest.max(), Some(LONGEST_CELL + 1));
}

#[test]
fn a_record_too_deep_to_show_is_left_to_the_json_file() {
    let mut sample = Sample::default();
    sample.take(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(sample.rows[0]["value"], "(only in the JSON file)");
}

#[test]
fn a_record_that_is_no_object_is_shown_too() {
    let mut sample = Sample::default();
    sample.take("\"hello\"");
    sample.take("[1,2]");
    sample.take("null");
    let shown: Vec<_> = sample.rows.iter().map(|row| row["value"].as_str()).collect();
    assert_eq!(shown, ["hello", "• 1\n• 2", ""]);
}

#[test]
fn characters_that_hide_others_are_shown_as_such() {
    assert_eq!(shown("a\u{202e}b\0c\nd", 10), "a\u{fffd}b\u{fffd}c\nd");
}

#[test]
fn what_is_nested_is_shown_as_an_outline_and_not_as_json() {
    let mut sample = Sample::default();
    let record = serde_json::json!({"traits": {
        "address": {"city": "Lyon", "zip": "69001"},
        "orders": [{"id": 7, "total": 12.5}, {"id": 9, "total": null}],
        "tags": ["gold", "old"],
        "none": [],
    }});
    sample.take(&record.to_string());
    let shown = &sample.rows[0]["traits"];
    let expected = [
        "address:",
        "  city: Lyon",
        "  zip: 69001",
        "none:",
        "  (none)",
        "orders:",
        "  • id: 7",
        "    total: 12.5",
        "  • id: 9",
        "    total: –",
        "tags:",
        "  • gold",
        "  • old",
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_outline_stays_short_whatever_it_holds() {
    let mut deep = Value::from("x");
    for n in 0..100 {
        deep = serde_json::json!({ "name": [deep, n] });
    }
    let mut sample = Sample::default();
    let wide: Vec<_> = (0..100_000).collect();
    sample.take(&serde_json::json!({"deep": deep, "wide": wide}).to_string());
    for cell in sample.rows[0].values() {
        assert!(cell.chars().count() <= LONGEST_OUTLINE + 1);
        assert!(cell.lines().count() <= MOST_LINES + 1);
    }
}
