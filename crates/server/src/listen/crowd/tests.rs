//! Places under one client that wants all of them.

use super::*;

#[tokio::test]
async fn one_client_can_not_take_all_places() {
    let crowd = Crowd::new(10, 2);
    let one = Client::of("192.0.2.1".parse().unwrap());
    let other = Client::of("192.0.2.2".parse().unwrap());
    let (mut first, mut second, mut third) =
        (crowd.place().await, crowd.place().await, crowd.place().await);
    assert!(first.give_to(one) && second.give_to(one));
    assert!(!third.give_to(one));
    assert!(third.give_to(other));
    drop(first);
    assert!(crowd.place().await.give_to(one));
    drop((second, third));
    assert!(crowd.of_each.lock().unwrap().is_empty(), "who is gone is forgotten");
}
