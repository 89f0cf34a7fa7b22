//! Random secrets and their hashes.
//!
//! A token or credential has 125 bits or more, so that a plain SHA-256 protects it; a password, which a person chose,
//! does not and needs the slow hash of `login`.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The SHA-256 of something.
#[derive(Clone, Copy)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

/// In lower-case hexadecimal, as it is kept.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// In constant time: every byte is looked at, whatever the others were.
impl PartialEq for Hash {
    fn eq(&self, other: &Hash) -> bool {
        let differences =
            self.0.iter().zip(other.0).fold(0_u8, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
        differences == 0
    }
}

impl std::str::FromStr for Hash {
    type Err = ();

    /// Reads the form that `Display` writes.
    fn from_str(text: &str) -> std::result::Result<Hash, ()> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or(())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ())?;
        }
        Ok(Hash(bytes))
    }
}

/// What a token is written with: Crockford's base 32, in which no two characters look alike.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M',
    'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

/// A new enrolment token that can be read aloud: 25 characters of 5 random bits each, in groups of five.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_token() -> Result<String> {
    let mut token = String::new();
    for (at, byte) in random::<25>()?.into_iter().enumerate() {
        if at > 0 && at % 5 == 0 {
            token.push('-');
        }
        token.extend(ALPHABET.get(usize::from(byte % 32)));
    }
    Ok(token)
}

/// A token as it was typed, in the one form that is hashed: upper case, without dashes and blanks, and with the letters
/// that the alphabet leaves out read as the digits that they look like.
pub fn normal_token(typed: &str) -> String {
    let read = |character: char| match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    typed.chars().filter(|character| *character != '-' && !character.is_whitespace()).map(read).collect()
}

/// A new node's id: 128 random bits in hexadecimal.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_node() -> Result<String> {
    Ok(hexadecimal(&random::<16>()?))
}

/// A new node's credential: 256 random bits in hexadecimal.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_credential() -> Result<String> {
    Ok(hexadecimal(&random::<32>()?))
}

pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_typed() {
        let token = new_token().unwrap();
        assert_eq!(token.len(), 29);
        assert_eq!(normal_token(&format!(" {} ", token.to_lowercase())), token.replace('-', ""));
        assert_eq!(normal_token("o-il"), "011");
    }

    #[test]
    fn secrets_differ() {
        assert_ne!(new_token().unwrap(), new_token().unwrap());
        assert_ne!(new_credential().unwrap(), new_credential().unwrap());
    }

    #[test]
    fn a_hash_survives_being_kept() {
        let hash = Hash::of(b"abc");
        insta::assert_snapshot!(hash, @"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(hash.to_string().parse() == Ok(hash));
        assert!(Hash::of(b"abd") != hash);
        assert!("xyz".parse::<Hash>().is_err());
    }
}
