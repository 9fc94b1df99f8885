//! Who is shown which notices. When they are raised is told by the stories of the engine.

use std::collections::BTreeSet;

use domain::Reach;

use super::*;
use crate::operator::office::office;

#[tokio::test]
async fn where_nothing_was_wrong_the_page_is_empty() {
    let office = office().await;
    let bound = Desk { reach: Reach::Brands(BTreeSet::new()), ..office.desk() };
    for desk in [office.desk(), bound] {
        let page = page(&desk, Filter::default(), 9).await.unwrap();
        assert_eq!((page.notices.len(), page.next), (0, None));
    }
}
