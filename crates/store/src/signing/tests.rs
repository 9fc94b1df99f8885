//! Signatures, by the published example.

use super::*;

#[test]
fn a_message_is_signed_as_the_published_example() {
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signature = sign(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
    let published = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature.as_deref(), Some(published));
}

#[test]
fn a_new_secret_has_32_bytes_and_no_two_are_the_same() {
    let secret = new_signing_secret().unwrap();
    let bytes = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(bytes.len(), 32);
    assert_ne!(secret.expose(), new_signing_secret().unwrap().expose());
    assert!(sign(&secret, "evt_1", 0, "{}").is_some());
}

#[test]
fn what_is_no_secret_signs_nothing() {
    for text in ["", "whsec_", "whsec_not base64", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert_eq!(sign(&Secret::new(text.to_owned()), "evt_1", 0, "{}"), None, "{text}");
    }
}
