//! Encodings, and kinds one into the other.

use connector_api::Flow;
use domain::IdentifierKind::{self, Email, Phone, UserId};
use serde_json::json;

use super::case::{Case, nobody};
use crate::segment::mapping::{ProfileKey, id_types, kind_of};

#[test]
fn a_value_is_looked_up_in_lower_case_with_every_reserved_byte_encoded() {
    for (id_type, value, expected) in [
        ("email", "Ana.Maria+Shop@Example.COM", "email:ana.maria%2Bshop%40example.com"),
        ("user_id", "Team/7:Bob", "user_id:team%2F7%3Abob"),
        ("user_id", "a b%20&?#", "user_id:a%20b%2520%26%3F%23"),
        ("user_id", "JOSÉ", "user_id:jos%C3%A9"),
        ("user_id", "..", "user_id:.."),
        ("phone", "+12025550143", "phone:%2B12025550143"),
        ("android.idfa", "AB-cd_1~2", "android.idfa:ab-cd_1~2"),
    ] {
        assert_eq!(ProfileKey::new(id_type, value).as_segment(), expected);
    }
}

#[test]
fn no_look_up_leaves_in_another_form_than_the_lower_case_one() {
    let case = Case::new();
    let subject = case.subject(vec![
        case.given(UserId, "Cust/ABC:1"),
        case.given(Email, "Ana+X@Example.com"),
        case.given(Phone, "+12025550143"),
        case.given(IdentifierKind::Custom("Loyalty".into()), "CARD 9"),
        case.given(IdentifierKind::AdvertisingId, "AAAA-1"),
    ]);
    case.run(Flow::Locate, &[subject], |_| nobody()).unwrap();
    let paths: Vec<String> = case
        .sent
        .borrow()
        .iter()
        .map(|call| call.split("/profiles/").nth(1).unwrap().split('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        paths,
        [
            "user_id:cust%2Fabc%3A1",
            "Loyalty:card%209",
            "email:ana%2Bx%40example.com",
            "phone:%2B12025550143",
            "phone_number:%2B12025550143",
            "ios.idfa:aaaa-1",
            "android.idfa:aaaa-1",
        ]
    );
}

#[test]
fn a_kind_reads_back_from_its_external_id_type() {
    for kind in ["email", "phone", "user_id", "anonymous_id", "advertising_id", "id.braze_id"] {
        let kind: IdentifierKind = kind.parse().unwrap();
        for id_type in id_types(&kind) {
            assert_eq!(kind_of(id_type).as_ref(), Some(&kind));
        }
    }
    assert_eq!(kind_of("group_id"), None, "an account's id is shared by its people");
    assert_eq!(kind_of("not a name"), None);
    for kind in [IdentifierKind::Mpid, IdentifierKind::Cookie, IdentifierKind::ContactId] {
        assert!(id_types(&kind).is_empty());
    }
}

#[test]
fn the_secrets_that_calls_name_are_the_manifests() {
    let case = Case::new().set("spaces", json!(["spa/1"]));
    let mut case = case;
    case.secrets.insert("profile_token.spa/1".into());
    let subject = case.subject(vec![case.given(UserId, "u")]);
    case.run(Flow::Locate, &[subject], |_| nobody()).unwrap();
    assert_eq!(
        case.sent.borrow()[0],
        "GET {profile_api}/v1/spaces/spa%2F1/collections/users/profiles/user_id:u/external_ids?limit=100 [basic profile_token.spa/1; accept: application/json]"
    );
}
