//! What is taken, what is refused, and in which form.

use super::*;

fn check(kind: &IdentifierKind, given: &str, expected: Result<&str, NormaliseError>) {
    assert_eq!(normalise(kind, given, None), expected.map(str::to_owned), "{given:?}");
}

#[test]
fn an_email_is_lower_cased_and_nothing_else_is_folded() {
    let kind = &IdentifierKind::Email;
    check(kind, "  Ana.Maria+Shop@Example.COM ", Ok("ana.maria+shop@example.com"));
    check(kind, "not an address", Err(NormaliseError::NotAnEmail));
    check(kind, "ana@localhost", Err(NormaliseError::NotAnEmail));
    check(kind, "Ana <ana@example.com>", Err(NormaliseError::NotAnEmail));
    check(kind, "", Err(NormaliseError::Empty));
}

#[test]
fn an_address_that_is_none_in_lower_case_is_refused() {
    // In lower case it is an i with a mark of its own, which no address has: nobody would be found by it.
    check(&IdentifierKind::Email, "\u{130}lker@example.com", Err(NormaliseError::NotAnEmail));
}

#[test]
fn an_imitation_of_an_address_is_refused() {
    let kind = &IdentifierKind::Email;
    check(kind, "\u{430}na@example.com", Err(NormaliseError::LookAlike));
    check(kind, "ana@example\u{200b}.com", Err(NormaliseError::Invisible));
    check(kind, "ana@example.com\u{202e}", Err(NormaliseError::Invisible));
    check(kind, "ana@exam\nple.com", Err(NormaliseError::ControlCharacter));
    check(kind, "\u{ff41}na@example.com", Err(NormaliseError::LookAlike));
    check(kind, "jos\u{e9}@example.com", Ok("jos\u{e9}@example.com"));
}

#[test]
fn a_phone_needs_its_country_or_a_stated_region() {
    let kind = &IdentifierKind::Phone;
    check(kind, "+1 202-555-0143", Ok("+12025550143"));
    check(kind, "202-555-0143", Err(NormaliseError::PhoneWithoutCountry));
    let us: Region = "us".parse().unwrap();
    assert_eq!(normalise(kind, "(202) 555-0143", Some(&us)), Ok("+12025550143".to_owned()));
    let de: Region = "DE".parse().unwrap();
    assert_eq!(normalise(kind, "030 901820", Some(&de)), Ok("+4930901820".to_owned()));
    assert_eq!("XX".parse::<Region>(), Err(NormaliseError::UnknownRegion));
}

#[test]
fn case_is_kept_where_it_may_tell_two_people_apart() {
    check(&IdentifierKind::UserId, "Cust-1A/b:C", Ok("Cust-1A/b:C"));
    check(&IdentifierKind::AdvertisingId, "AB-CD", Ok("ab-cd"));
}

#[test]
fn a_kind_reads_back_as_it_is_written() {
    for text in ["email", "user_id", "id.loyalty_card"] {
        assert_eq!(text.parse::<IdentifierKind>().unwrap().to_string(), text);
    }
    for text in ["", "e-mail", "id.", "id.a b", "user"] {
        assert_eq!(text.parse::<IdentifierKind>(), Err(UnknownKind), "{text:?}");
    }
}

#[test]
fn a_mask_and_a_debug_print_hide_the_value() {
    assert_eq!(mask(&IdentifierKind::Email, "ana@example.com"), "a***@***.com");
    assert_eq!(mask(&IdentifierKind::Phone, "+12025550143"), "+***43");
    assert_eq!(mask(&IdentifierKind::UserId, "cust-10045"), "c*** (10 characters)");
}
