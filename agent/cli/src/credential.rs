//! Passwords that the agent handed to a plugin, and how none of them comes back.
//!
//! All that a plugin contributed is searched, once, before anything else sees it: facts with their names and causes,
//! what its targets are called, notes, warnings, the access log. A password is found as it is, in any case of its
//! letters, backwards, escaped, quoted, in hexadecimal, percent-encoded and in Base64, and as a number. One that is
//! split over two values, or encoded otherwise, cannot be found.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use goodstead_model::{Cause, CauseKind};
use goodstead_protocol::fact::Fact;

/// Passwords shorter than this, in characters, are not handed out: they could not be told from other text.
pub(crate) const MIN_PASSWORD: usize = 4;

/// A shorter part of a Base64 text is not looked for: it would be found in much.
const MIN_ENCODED: usize = 4;

/// A number that only contains such a password is dropped where the password has this many digits or more.
const MIN_DIGITS: usize = 6;

/// What stands where a text was dropped.
const DROPPED: &str = "it contained the target's password and was dropped";

/// The passwords that were handed out.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// What is looked for, in lower case.
    needles: Vec<String>,
    /// Those passwords that are numbers.
    numbers: Vec<String>,
}

impl Credentials {
    /// The passwords, each of at least [`MIN_PASSWORD`] characters; shorter ones are left out.
    pub(crate) fn new<'p>(passwords: impl Iterator<Item = &'p str>) -> Credentials {
        let mut credentials = Credentials::default();
        for password in passwords.filter(|password| password.chars().count() >= MIN_PASSWORD) {
            credentials.needles.extend(written(password).into_iter().map(|it| it.to_lowercase()));
            if password.bytes().all(|byte| byte.is_ascii_digit()) {
                credentials.numbers.push(password.trim_start_matches('0').to_owned());
            }
        }
        credentials.needles.sort_unstable();
        credentials.needles.dedup();
        credentials
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Whether one of them is in a text.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.needles.iter().any(|needle| text.contains(needle.as_str()))
    }

    /// Whether a text ends with the beginning of one of them, three characters or more: whoever was ended while writing
    /// may have written half of one.
    pub(crate) fn begin_at_end_of(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let begins = |needle: &String| {
            let mut beginnings = needle.char_indices().skip(3).filter_map(|(at, _)| needle.get(..at));
            beginnings.any(|beginning| text.ends_with(beginning))
        };
        self.needles.iter().any(begins)
    }

    /// Whether a number is one of them, or has a long one in its digits.
    fn are_number(&self, digits: &str) -> bool {
        let digits = digits.trim_start_matches('-');
        self.numbers.iter().any(|number| {
            digits == number || (number.len() >= MIN_DIGITS && digits.contains(number.as_str()))
        })
    }

    /// Replaces a text with one of them in it.
    pub(crate) fn clean_text(&self, text: &mut String) {
        if self.are_in(text) {
            DROPPED.clone_into(text);
        }
    }

    /// Replaces the words of a cause with one of them in it.
    pub(crate) fn clean_cause(&self, cause: &mut Cause) {
        self.clean_text(&mut cause.detail);
        cause.remedy.take_if(|remedy| self.are_in(remedy));
    }

    /// Makes every value with one of them unknown, drops such names, and cleans the causes.
    pub(crate) fn clean_fact(&self, fact: &mut Fact) {
        match fact {
            Fact::Text(text) if self.are_in(text) => *fact = dropped(),
            Fact::Int(number) if self.are_number(&number.to_string()) => *fact = dropped(),
            Fact::Float(number) if self.are_number(&number.to_string()) => *fact = dropped(),
            Fact::Bool(_) | Fact::Int(_) | Fact::Float(_) | Fact::Text(_) => {}
            Fact::List(list) => {
                list.items.iter_mut().for_each(|item| self.clean_fact(item));
                list.partial.iter_mut().for_each(|cause| self.clean_cause(cause));
            }
            Fact::Map(map) => {
                let before = map.items.len();
                map.items.retain(|name, _| !self.are_in(name));
                if map.items.len() < before {
                    map.partial.get_or_insert_with(|| Box::new(Cause::new(CauseKind::Secret, DROPPED)));
                }
                map.items.values_mut().for_each(|item| self.clean_fact(item));
                map.partial.iter_mut().for_each(|cause| self.clean_cause(cause));
            }
            Fact::Unknown(cause) => self.clean_cause(cause),
        }
    }
}

fn dropped() -> Fact {
    Fact::unknown(CauseKind::Secret, DROPPED)
}

/// The ways in which a password is written where somebody quotes, escapes or encodes it.
fn written(password: &str) -> Vec<String> {
    let bytes = password.as_bytes();
    let backwards: String = password.chars().rev().collect();
    let hexadecimal =
        |before: &str| bytes.iter().map(|byte| format!("{before}{byte:02x}")).collect::<String>();
    let percent = |byte: &u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    let mut found = vec![
        password.to_owned(),
        backwards,
        hexadecimal(""),
        hexadecimal("%"),
        hexadecimal("\\x"),
        hexadecimal(" ").trim().to_owned(),
        hexadecimal(":").trim_start_matches(':').to_owned(),
        bytes.iter().map(percent).collect(),
        password.escape_debug().to_string(),
        password.escape_default().to_string(),
        password.replace('\'', "''"),
        password.replace('\'', "\\'").replace('"', "\\\""),
        serde_json::to_string(password).unwrap_or_default().trim_matches('"').to_owned(),
    ];
    for offset in 0..3 {
        found.extend(base64_within(bytes, offset));
    }
    found.retain(|needle| !needle.is_empty());
    found
}

/// What of the Base64 text of anything that holds these bytes is theirs alone, when they begin at this offset of a group
/// of three; with either alphabet.
fn base64_within(bytes: &[u8], offset: usize) -> Vec<String> {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    let text = STANDARD.encode(&padded);
    // A letter has six bits: the first whole one of the bytes, and the last.
    let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    match text.get(first..end) {
        Some(own) if own.len() >= MIN_ENCODED => {
            vec![own.to_owned(), own.replace('+', "-").replace('/', "_")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;
    use serde_json::json;

    use super::*;

    fn of(password: &str) -> Credentials {
        Credentials::new(std::iter::once(password))
    }

    #[test]
    fn a_password_that_was_handed_out_does_not_come_back() {
        let cause = |words: &str| json!({"kind": "not-permitted", "detail": words, "remedy": words});
        let sent = json!({
            "dsn": "host=x password=hunter22", "list": [{"a": "hunter22"}], "hunter22": 1, "port": 5432,
            "detail": {"$unknown": cause("login with hunter22 failed")},
            "remedy": {"$unknown": {"kind": "absent", "detail": "x", "remedy": "try hunter22"}},
            "part": {"$partial": [1], "$cause": cause("hunter22")},
            "map": {"$partial": {"a": 1}, "$cause": cause("hunter22")},
            "names": {"x-hunter22": 1, "y": 2},
        });
        let mut fact = Fact::from_json(sent).unwrap();
        of("hunter22").clean_fact(&mut fact);
        let facts = fact.to_json();
        assert!(!facts.to_string().contains("hunter22"), "{facts}");
        let facts = &facts["$partial"];
        assert_eq!((&facts["port"], &facts["names"]["$partial"]), (&json!(5432), &json!({"y": 2})));
        assert_eq!(facts["names"]["$cause"]["kind"], "secret");
    }

    #[test]
    fn a_password_of_digits_does_not_come_back_as_a_number() {
        let mut fact =
            Fact::from_json(json!([48_151_623, -48_151_623, 48_151_623.0, 148_151_623, 4815])).unwrap();
        of("48151623").clean_fact(&mut fact);
        let kinds: Vec<_> =
            fact.to_json().as_array().unwrap().iter().map(|it| it.get("$unknown").is_some()).collect();
        assert_eq!(kinds, [true, true, true, true, false]);
        // A short one is no part of every number.
        let mut fact = Fact::from_json(json!([1234, 12345, 5432])).unwrap();
        of("1234").clean_fact(&mut fact);
        assert_eq!(fact.to_json().as_array().unwrap()[1..], [json!(12345), json!(5432)]);
    }

    #[test]
    fn a_password_is_found_however_it_is_written() {
        let password = "Pä ss'w\"rd?\\1+>~";
        let credentials = of(password);
        let bytes = password.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [
            format!("dsn={password};"),
            password.to_uppercase(),
            password.chars().rev().collect(),
            hex,
            bytes.iter().map(|byte| format!("%{byte:02X}")).collect(),
            "x=P%C3%A4%20ss%27w%22rd%3F%5C1%2B%3E~&y".to_owned(),
            format!("{password:?}"),
            json!({ "a": password }).to_string(),
            format!("'{}'", password.replace('\'', "''")),
        ] {
            assert!(credentials.are_in(&text), "{text}");
        }
        for before in ["", "u", "us", "user:"] {
            let text = format!("{before}{password} and more");
            assert!(credentials.are_in(&STANDARD.encode(&text)), "{before}");
            assert!(credentials.are_in(&URL_SAFE.encode(&text)), "{before}");
        }
        for text in ["", "Pä ss", "password", "cGFzc3dvcmQ="] {
            assert!(!credentials.are_in(text), "{text}");
        }
    }

    #[test]
    fn nothing_is_looked_for_that_would_be_found_in_everything() {
        assert!(of("").is_empty() && of("abc").is_empty());
        let credentials = of("abcd");
        assert!(credentials.needles.iter().all(|needle| needle.len() >= MIN_ENCODED), "{credentials:?}");
    }
}
