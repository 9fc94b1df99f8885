//! Following pages.

use super::*;

/// Follows so many pages, of which the `n`th names the cursor that `next` gives for it. Returns at
/// which page the circle was noticed.
fn follow(n_pages: usize, next: impl Fn(usize) -> usize) -> Option<usize> {
    let mut pages = Pages::default();
    (0..n_pages).find(|page| pages.next(Some(&next(*page).to_string())).is_err())
}

#[test]
fn a_list_without_repeats_is_followed_to_its_end() {
    assert_eq!(follow(10_000, |page| page), None);
    let mut pages = Pages::default();
    assert_eq!(pages.next(None), Ok(None));
    assert_eq!(pages.next(Some("")), Ok(None));
    assert_eq!(pages.next(Some("MA==")), Ok(Some("MA==".to_owned())));
}

#[test]
fn a_page_that_names_itself_is_noticed_at_once() {
    assert_eq!(follow(10, |_| 7), Some(1));
}

#[test]
fn a_circle_is_noticed_wherever_it_begins_and_however_long_it_is() {
    for tail in [0, 1, 5, 100] {
        for length in [1, 2, 3, 50] {
            let circle = |page: usize| if page < tail { page } else { tail + page % length };
            let noticed_at = follow(1_000, circle).unwrap_or(usize::MAX);
            assert!(noticed_at <= 3 * (tail + length), "{tail} and {length}: {noticed_at}");
        }
    }
}

#[test]
fn what_is_remembered_of_a_long_list_stays_small() {
    let mut pages = Pages::default();
    for page in 0..100_000 {
        pages.next(Some(&format!("a cursor of some length, number {page}"))).unwrap();
    }
    assert!(remember(1, &pages).body.to_string().len() < 200);
}
