//! What becomes of a body whose writing failed.

use std::fs::OpenOptions;

use super::*;
use crate::seal::new_key;

#[test]
fn a_body_that_lost_a_piece_does_not_end_well_though_there_is_room_again() {
    let key = Arc::new(SealingKey::new("req_1", &new_key().unwrap()).unwrap());
    // The kernel's own full disk.
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut writer = ChunkWriter::new(full, "blb_01", key);
    writer.write_all(&vec![1; CHUNK_LEN]).unwrap();
    assert_eq!(writer.write(b"more").unwrap_err().kind(), io::ErrorKind::StorageFull);
    writer.out = BufWriter::new(tempfile::tempfile().unwrap());
    let rest = writer.write_all(b"notes").and_then(|()| writer.end());
    assert!(rest.is_err(), "it would not open");
}
