//! Imports: whole files, repeated, with faults, in constant memory.

use std::io::Cursor;

use domain::connection::CapabilityState;
use domain::{Event, Right};
use store::RequestFilter;

use super::*;
use crate::operator::office::{Office, code, office, report};

async fn run(office: &Office, file: &str, dry_run: bool) -> (Summary, Vec<String>) {
    run_with(office, file, Options { dry_run, phone_region: None }).await
}

async fn run_with(office: &Office, file: &str, options: Options) -> (Summary, Vec<String>) {
    let mut rows = Vec::new();
    let file = Cursor::new(file.to_owned().into_bytes());
    let mut tell = |more| rows.extend(more);
    let summary = import(&office.desk(), file, &options, &mut tell).await.unwrap();
    let line = |row: &RowDone| {
        let request = row.request.map(|id| id.to_string()).unwrap_or_default();
        format!("{},{request},{}", row.row, row.errors.join("|"))
    };
    (summary, rows.iter().map(line).collect())
}

async fn n_requests(office: &Office) -> usize {
    office.store.requests(&RequestFilter::default(), None, 10_000).await.unwrap().len()
}

const MIXED: &str = "right,email,phone,external_id\n\
    access,ada@lovelace.org,,A\n\
    deletion,not an address,,B\n\
    deletion,bob@lovelace.org,0301234567,C\n\
    \n\
    access,ada@lovelace.org,,A\n\
    access,Ada@Lovelace.org,,D\n\
    deletion,ada@lovelace.org,,E\n";

#[tokio::test]
async fn good_rows_come_in_and_bad_ones_are_named() {
    let office = office().await;
    let (summary, results) = run(&office, MIXED, false).await;
    assert_eq!((summary.n_rows, summary.n_new, summary.n_left_out), (7, 2, 5));
    let codes: Vec<_> =
        summary.bad_rows.iter().map(|bad| (bad.row, code(&bad.faults[0]))).collect();
    assert_eq!(
        codes,
        [(3, "E-REQ-013"), (4, "E-REQ-015"), (5, "E-CSV-010"), (6, "E-CSV-013"), (7, "E-REQ-041"),]
    );
    assert_eq!(results.len(), 7);
    assert!(results[0].starts_with("2,req_") && results[0].ends_with(','));
    assert_eq!(results[1], "3,,E-REQ-013");
    assert!(!results.concat().contains("lovelace") && !results.concat().contains("030123"));
    assert_eq!(n_requests(&office).await, 2);
    assert_eq!(office.journal(Event::Imported).await.len(), 1);
}

#[tokio::test]
async fn importing_again_changes_nothing() {
    let office = office().await;
    let (first, _) = run(&office, MIXED, false).await;
    let (again, results) = run(&office, MIXED, false).await;
    assert_eq!((again.n_new, again.n_known), (0, first.n_new));
    assert_eq!(again.n_left_out, first.n_left_out);
    assert!(results[0].starts_with("2,req_"));
    assert_eq!(n_requests(&office).await, 2);
}

#[tokio::test]
async fn importing_again_without_external_ids_changes_nothing_either() {
    let office = office().await;
    let file = "right,email,received_at\naccess,ada@lovelace.org,2026-11-01\ndeletion,b@c.org,\n";
    assert_eq!(run(&office, file, false).await.0.n_new, 2);
    let (again, _) = run(&office, file, false).await;
    assert_eq!((again.n_new, again.n_known, again.n_left_out), (0, 2, 0));
    let other = "right,email,received_at\naccess,ada@lovelace.org,2026-11-02\n";
    assert_eq!(run(&office, other, false).await.0.bad_rows[0].faults[0].code, "E-REQ-040");
}

#[tokio::test]
async fn a_duplicate_far_down_the_file_is_found_in_the_store() {
    let office = office().await;
    let mut file = "right,email\n".to_owned();
    for n in 0..GROUP + 10 {
        file.push_str(&format!("deletion,person{n}@lovelace.org\n"));
    }
    file.push_str("deletion,person3@lovelace.org\n");
    file.push_str("deletion,new@lovelace.org|person4@lovelace.org\n");
    let (summary, _) = run(&office, &file, false).await;
    let codes: Vec<_> = summary.bad_rows.iter().map(|bad| code(&bad.faults[0])).collect();
    assert_eq!(codes, ["E-CSV-013", "E-REQ-040"]);
    assert_eq!(summary.n_new as usize, GROUP + 10);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_writes_nothing() {
    let office = office().await;
    let (dry, results) = run(&office, MIXED, true).await;
    assert_eq!(n_requests(&office).await, 0);
    assert!(office.journal(Event::Imported).await.is_empty());
    assert_eq!(results[0], "2,,");
    let (real, _) = run(&office, MIXED, false).await;
    assert_eq!(dry, real);
    assert_eq!(run(&office, MIXED, true).await.0.n_known, 2);
}

#[tokio::test]
async fn a_fault_of_the_file_at_its_very_end_imports_nothing() {
    let office = office().await;
    let mut file = "right,email\n".to_owned().into_bytes();
    for n in 0..GROUP * 2 {
        file.extend(format!("deletion,person{n}@lovelace.org\n").into_bytes());
    }
    file.extend(b"deletion,caf\xe9@lovelace.org\n");
    let mut n_told = 0;
    let options = Options::default();
    let answer =
        import(&office.desk(), Cursor::new(file), &options, &mut |rows| n_told += rows.len()).await;
    let Err(ImportError::File(FileFault::Encoding { row })) = answer else { panic!("{answer:?}") };
    assert_eq!(row, GROUP as u64 * 2 + 2);
    assert_eq!(n_requests(&office).await, 0);
    assert_eq!(n_told, 0);
}

#[tokio::test]
async fn a_request_that_is_late_on_arrival_is_taken() {
    let office = office().await;
    let file = "right,email,received_at,due_at\n\
                deletion,ada@lovelace.org,2026-09-01,2026-10-01\n\
                deletion,bob@lovelace.org,2027-01-01,\n";
    let (dry, _) = run(&office, file, true).await;
    let (summary, _) = run(&office, file, false).await;
    assert_eq!((summary.n_new, summary.n_late, dry.n_late), (1, 1, 1));
    assert_eq!(summary.bad_rows[0].faults[0].code, "E-REQ-021");
    let filter =
        RequestFilter { overdue: Some(crate::operator::office::now()), ..RequestFilter::default() };
    assert_eq!(office.store.requests(&filter, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_no_connection_serves_is_counted_as_left_to_a_person() {
    let office = office().await;
    let file = "right,email\naccess,ada@lovelace.org\nrecipients,bob@lovelace.org\n";
    assert_eq!(run(&office, file, true).await.0.n_left_to_person, 2, "nothing is connected");
    let mut connection = office.connection().await;
    let mut check = report("acc_1");
    check.capabilities = vec![CapabilityState { right: Right::Access, lacking: None }];
    connection.check = Some(check);
    office.write(Transition { connections: vec![connection], ..Default::default() }).await;
    assert_eq!(run(&office, file, true).await.0.n_left_to_person, 1);
    assert_eq!(run(&office, file, false).await.0.n_left_to_person, 1);
    assert_eq!(run(&office, file, false).await.0.n_left_to_person, 0, "known ones are not new");
}

#[tokio::test]
async fn the_same_file_under_another_phone_region_says_why_it_is_refused() {
    let office = office().await;
    let file = "right,phone,external_id\ndeletion,030 1234567,A\n";
    let under = |region: &str| Options { dry_run: false, phone_region: region.parse().ok() };
    assert_eq!(run_with(&office, file, under("DE")).await.0.n_new, 1);
    assert_eq!(run_with(&office, file, under("DE")).await.0.n_known, 1);
    let (summary, _) = run_with(&office, file, under("FR")).await;
    let fault = &summary.bad_rows[0].faults[0];
    assert_eq!(fault.code, "E-REQ-042");
    assert!(fault.message.contains("another --phone-region"), "{fault}");
}
