//! Secret keys of the minisign tool, with and without a password.
//!
//! The tool (since 0.10, as in Debian 12) leaves the checksum of a key without a password empty, which the crate takes for
//! damage. So such a key is judged by what it does: a signature that it makes has to verify by its public half.

use std::io::{self, Cursor};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{PublicKey, SecretKeyBox};

pub use minisign::SecretKey;

use crate::SigningError;

/// Where a decoded key names the function that makes a key of a password, and its values for none and for scrypt.
const KDF: std::ops::Range<usize> = 2..4;
const NO_KDF: &[u8] = &[0, 0];
const SCRYPT: &[u8] = b"Sc";

/// How long a decoded key is, in bytes.
const LENGTH: usize = 158;

/// Reads the text of a secret key; the password is asked for only where the key has one.
///
/// # Errors
/// It is not a key, is damaged, or has another password.
pub fn read_key(
    text: &str,
    password: impl FnOnce() -> io::Result<String>,
) -> Result<SecretKey, SigningError> {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("untrusted comment:")) {
        return Err(SigningError::NotAKey("it does not begin with an untrusted comment"));
    }
    let bytes = lines.next().and_then(|line| STANDARD.decode(line.trim_end()).ok());
    let bytes = bytes.filter(|bytes| bytes.len() == LENGTH);
    let bytes = bytes.ok_or(SigningError::NotAKey("its second line is not a key in Base64"))?;
    match bytes.get(KDF) {
        Some(NO_KDF) => {
            let key = SecretKey::from_bytes(&bytes)?;
            if works(&key) { Ok(key) } else { Err(SigningError::NotAKey("it is damaged")) }
        }
        Some(SCRYPT) => {
            let password = password().map_err(SigningError::Password)?;
            let key = SecretKeyBox::from_string(text)?.into_secret_key(Some(password));
            key.map_err(|_| SigningError::WrongPassword)
        }
        _ => Err(SigningError::NotAKey("its password is of a kind that is not known here")),
    }
}

/// Whether what the key signs verifies.
fn works(key: &SecretKey) -> bool {
    let probe = "goodstead";
    let signed = minisign::sign(None, key, Cursor::new(probe), None, None);
    let verified = signed.and_then(|signature| {
        let public = PublicKey::from_secret_key(key)?;
        minisign::verify(&public, &signature, Cursor::new(probe), true, false, false)
    });
    verified.is_ok()
}

/// The text of a key's public half, as a `*.pub` file has it.
///
/// # Errors
/// It cannot be made.
pub fn public_key(key: &SecretKey) -> Result<String, SigningError> {
    Ok(PublicKey::from_secret_key(key)?.to_box()?.into_string())
}

/// A key's id as the minisign tool writes it: 16 hexadecimal digits.
pub fn id(key: &SecretKey) -> String {
    key.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn no_password() -> io::Result<String> {
        Err(io::Error::other("asked for a password"))
    }

    /// The text of a key without a password as the tool writes it: the checksum, its last 32 bytes, is empty.
    fn of_the_tool(key: &SecretKey) -> Vec<u8> {
        let mut bytes = key.to_bytes();
        let checksum = bytes.len() - 32;
        bytes[checksum..].fill(0);
        bytes
    }

    fn text(bytes: &[u8]) -> String {
        format!("untrusted comment: minisign unencrypted secret key\n{}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn a_key_is_read_with_and_without_a_password_and_garbage_asks_for_none() {
        let plain = KeyPair::generate_unencrypted_keypair().unwrap();
        let boxed = plain.sk.to_box(None).unwrap().into_string();
        assert_eq!(read_key(&boxed, no_password).unwrap().keynum(), plain.pk.keynum());
        let locked = KeyPair::generate_encrypted_keypair(Some("open sesame".to_owned())).unwrap();
        let boxed = locked.sk.to_box(None).unwrap().into_string();
        let key = read_key(&boxed, || Ok("open sesame".to_owned())).unwrap();
        assert!(works(&key));
        let wrong = read_key(&boxed, || Ok("open barley".to_owned())).unwrap_err();
        assert_eq!(wrong.to_string(), "the password is wrong");
        for garbage in ["", "untrusted comment: x\n", "untrusted comment: x\nnonsense\n", &boxed[20..]] {
            let error = read_key(garbage, no_password).unwrap_err().to_string();
            assert!(error.starts_with("this is not a minisign secret key"), "{garbage:?}: {error}");
        }
    }

    #[test]
    fn a_key_of_the_tool_without_a_password_signs_and_a_damaged_one_is_refused() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let bytes = of_the_tool(&pair.sk);
        let key = read_key(&text(&bytes), no_password).unwrap();
        assert_eq!(public_key(&key).unwrap(), pair.pk.to_box().unwrap().into_string());
        assert_eq!(id(&key).len(), 16);
        // The seed and the public half, from the 62nd byte on.
        for at in [62, 70, 93, 94, 100, 125] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let error = read_key(&text(&damaged), no_password).unwrap_err().to_string();
            assert!(error.contains("damaged"), "byte {at}: {error}");
        }
    }
}
