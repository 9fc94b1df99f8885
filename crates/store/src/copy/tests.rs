//! Without a server: who had the file open when it was marked. The rest is told in `cli/tests/postgres`.

use super::*;
use crate::StoreError;
use crate::promises::setup::on_sqlite;

#[tokio::test]
async fn whoever_had_the_file_open_writes_no_more_once_it_moves() {
    let setup = on_sqlite().await;
    let from = Db::open_as_is(&setup.data()).await.unwrap();
    let mark = begin(&from, |_| false).await.unwrap();
    let written = setup.store.release_leases("a test").await;
    assert!(matches!(written, Err(StoreError::Moved)), "{written:?}");
    assert_eq!(begin(&from, |_| false).await.unwrap(), mark, "it is one copy that goes on");

    let Options { data, keys, .. } = setup.options();
    reopen(&Options { data, keys, database: None, bodies: None }, None).await.unwrap();
    setup.store.release_leases("a test").await.unwrap();
}

#[tokio::test]
async fn nothing_is_marked_while_a_lease_is_held() {
    let setup = on_sqlite().await;
    setup.lease("engine", "somebody").await;
    let from = Db::open_as_is(&setup.data()).await.unwrap();
    let begun = begin(&from, |row| row.holder == "somebody").await;
    assert!(matches!(begun, Err(CopyError::EngineAtWork(_))), "{begun:?}");
    setup.store.release_leases("somebody").await.unwrap();
}
