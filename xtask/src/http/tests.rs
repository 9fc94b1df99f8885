//! Tests of reading an answer.

use super::parse;

#[test]
fn an_answer_has_a_status_and_a_body() {
    let answer = parse("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (404, "{}"));
}

#[test]
fn an_answer_that_is_cut_off_is_an_error() {
    assert!(parse("HTTP/1.1 200 OK\r\ncontent-le").is_err());
    assert!(parse("").is_err());
}

#[test]
fn an_answer_in_pieces_is_refused_and_not_misread() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert!(parse(answer).is_err());
}
