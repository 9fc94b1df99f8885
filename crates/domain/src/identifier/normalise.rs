//! Turning a value as given into the form that is compared and looked up.

use std::fmt;
use std::str::FromStr;

use phonelib::PhoneNumber;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::MixedScript as _;

use super::IdentifierKind;
use crate::schema::{PartialSchema, Shape, ToSchema, text};

/// A default region for phone numbers without a country: an ISO 3166 code such as `DE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(String);

impl TryFrom<String> for Region {
    type Error = NormaliseError;
    fn try_from(text: String) -> Result<Self, NormaliseError> {
        text.parse()
    }
}

impl PartialSchema for Region {
    fn schema() -> Shape {
        let about = "The country of phone numbers that don't say theirs, by ISO 3166-1 alpha-2.";
        text(about, "^[A-Za-z]{2}$", "DE")
    }
}

impl ToSchema for Region {}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = NormaliseError;
    fn from_str(text: &str) -> Result<Self, NormaliseError> {
        let code = text.trim().to_ascii_uppercase();
        match phonelib::country_by_code(&code) {
            Some(_) => Ok(Self(code)),
            None => Err(NormaliseError::UnknownRegion),
        }
    }
}

/// Why a value can't be taken. None of these repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    /// Nothing is left after trimming.
    #[error("is empty")]
    Empty,
    /// It is longer than any system takes.
    #[error("is longer than 1,024 bytes")]
    TooLong,
    /// Line breaks, tabs and the like.
    #[error("holds a control character")]
    ControlCharacter,
    /// Zero-width and other characters that can't be seen.
    #[error("holds an invisible character")]
    Invisible,
    /// Letters that look like others.
    #[error(
        "mixes letters of several alphabets that look alike; check that it is not an imitation"
    )]
    LookAlike,
    /// No address by RFC 5321.
    #[error("is no valid e-mail address")]
    NotAnEmail,
    /// Not a number of that country.
    #[error("is no valid phone number")]
    NotAPhone,
    /// National form, and no region to read it by.
    #[error("has no country: write it as +<country code>…, or state a default with --phone-region")]
    PhoneWithoutCountry,
    /// No such region.
    #[error("unknown phone region; use an ISO 3166 code such as US or DE")]
    UnknownRegion,
}

/// The normalised form of a value of this kind.
pub fn normalise(
    kind: &IdentifierKind,
    given: &str,
    region: Option<&Region>,
) -> Result<String, NormaliseError> {
    let value: String = given.trim().nfc().collect();
    refuse_unsafe(&value)?;
    match kind {
        IdentifierKind::Email => email(&value),
        IdentifierKind::Phone => phone(&value, region),
        IdentifierKind::AdvertisingId => Ok(value.to_ascii_lowercase()),
        // Case matters in everything else: two ids that differ in case may be two people.
        _ => Ok(value),
    }
}

fn refuse_unsafe(value: &str) -> Result<(), NormaliseError> {
    if value.is_empty() {
        return Err(NormaliseError::Empty);
    }
    if value.len() > 1024 {
        return Err(NormaliseError::TooLong);
    }
    if value.chars().any(char::is_control) {
        return Err(NormaliseError::ControlCharacter);
    }
    if value.chars().any(is_invisible) {
        return Err(NormaliseError::Invisible);
    }
    if !value.is_ascii() && !value.is_single_script() {
        return Err(NormaliseError::LookAlike);
    }
    Ok(())
}

/// Characters without a shape of their own: soft hyphen, zero-width marks, direction controls,
/// variation selectors, tags, and the fillers.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn email(value: &str) -> Result<String, NormaliseError> {
    // A whole address in one foreign alphabet can imitate an ASCII one as well.
    if !value.is_ascii() && skeleton_is_ascii(value) {
        return Err(NormaliseError::LookAlike);
    }
    // What will be looked up has to be an address itself, and a few letters have no single one below them.
    let value = value.to_lowercase();
    let options = email_address::Options::default().without_display_text().with_required_tld();
    email_address::EmailAddress::parse_with_options(&value, options)
        .map_err(|_| NormaliseError::NotAnEmail)?;
    Ok(value)
}

/// Whether what a reader takes the value for is plain ASCII although the value is not.
fn skeleton_is_ascii(value: &str) -> bool {
    unicode_security::skeleton(value).all(|c| c.is_ascii())
}

fn phone(value: &str, region: Option<&Region>) -> Result<String, NormaliseError> {
    if value.starts_with('+') {
        let parsed = PhoneNumber::try_parse(value).map_err(|_| NormaliseError::NotAPhone)?;
        return Ok(parsed.e164().to_owned());
    }
    let Region(code) = region.ok_or(NormaliseError::PhoneWithoutCountry)?;
    let parsed =
        PhoneNumber::try_parse_with_country(value, code).map_err(|_| NormaliseError::NotAPhone)?;
    Ok(parsed.e164().to_owned())
}
