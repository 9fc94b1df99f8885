//! Rates, at instants that the tests choose.

use super::*;
use crate::listen::client::Client;

fn client(text: &str) -> Client {
    Client::of(text.parse().unwrap())
}

#[test]
fn so_many_at_once_and_then_one_each_so_often() {
    let every = Duration::from_millis(100);
    let meter = Meter::new(Rate { burst: 3, every });
    let one = client("192.0.2.1");
    let at = |ms| meter.take_at(one, Duration::from_millis(ms));
    assert_eq!([at(0), at(0), at(0)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(at(0), Err(every));
    assert_eq!(at(40), Err(Duration::from_millis(60)));
    assert_eq!(at(100), Ok(()));
    assert_eq!(at(100), Err(every), "waiting earned one, not three");
    assert_eq!([at(10_000), at(10_000), at(10_000)], [Ok(()), Ok(()), Ok(())]);
    assert!(at(10_000).is_err(), "long silence earns the burst and no more");
}
