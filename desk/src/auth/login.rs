//! Who may read the pages: a file with one `name:hash` a line, the hash by argon2id.
//!
//! Checking a password is slow and takes memory on purpose, so it is done off the server's threads and only a few at
//! a time; otherwise whoever knocks could make the desk run out of both. How often somebody may be wrong is counted
//! (`guesses`). A login that was right is known again by a hash under a key that is made at the start and kept nowhere.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::guesses::Guesses;
use super::secret::random;
use crate::{Error, Result};

/// Passwords that are checked at the same time; each takes 19 MiB.
const CHECKS_AT_ONCE: usize = 2;

/// The least characters of a password: one that short survives fifty thousand guesses, which is what a week allows.
const LEAST: usize = 12;

/// Names and the hashes of their passwords.
#[derive(Debug, Clone)]
pub struct Logins {
    hashes: BTreeMap<String, String>,
    /// Checked when the name is unknown, so that the time taken does not tell.
    stand_in: String,
    turns: Arc<Semaphore>,
    guesses: Arc<Mutex<Guesses>>,
    known: Arc<Known>,
}

/// Logins that were right since the start; one a user, as keyed hashes.
#[derive(Debug)]
struct Known {
    key: [u8; 32],
    seen: Mutex<HashSet<[u8; 32]>>,
}

impl Known {
    fn hash(&self, user: &str, password: &str) -> [u8; 32] {
        // The length keeps the parts apart. The key is random and secret, and nobody sees the hash.
        let mut hash = Sha256::new_with_prefix(self.key);
        hash.update((user.len() as u64).to_be_bytes());
        hash.update(user);
        hash.update(password);
        hash.finalize().into()
    }
}

impl Logins {
    /// Reads a login file.
    ///
    /// # Errors
    /// When it cannot be read, holds a line that is no `name:hash`, or nobody.
    pub fn read(path: &Path) -> Result<Logins> {
        let text = fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })?;
        let hashes = parse(&text).map_err(|line| {
            Error::Unusable(format!(
                "{}:{line}: not a name and an argon2 hash (goodstead-desk login writes this file)",
                path.display()
            ))
        })?;
        if hashes.is_empty() {
            let path = path.display();
            return Err(Error::Unusable(format!("{path} names nobody (goodstead-desk login adds a user)")));
        }
        Ok(Logins {
            hashes,
            stand_in: hash("")?,
            turns: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            guesses: Arc::default(),
            known: Arc::new(Known { key: random()?, seen: Mutex::default() }),
        })
    }

    /// Sets the password of `user` in the file at `path`, which is made when it is missing, is readable for its owner
    /// only, and is replaced as a whole.
    ///
    /// # Errors
    /// When the name or the password cannot be used, or the file cannot be read or written.
    pub fn set(path: &Path, user: &str, password: &str) -> Result<()> {
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            return Err(Error::Unusable("a user's name is not empty and holds no colon".into()));
        }
        if password.is_empty() {
            return Err(Error::Unusable("the password is empty; it is read from standard input".into()));
        }
        if password.chars().count() < LEAST {
            return Err(Error::Unusable(format!(
                "the password is too short: it needs at least {LEAST} characters, for example four random words"
            )));
        }
        let mut hashes = if path.exists() { Logins::read(path)?.hashes } else { BTreeMap::new() };
        hashes.insert(user.to_owned(), hash(password)?);
        let text: String = hashes.iter().map(|(user, hash)| format!("{user}:{hash}\n")).collect();
        replace(path, &text).map_err(|source| Error::File { path: path.into(), source })
    }

    /// Whether an `Authorization` header that came from `address` is the HTTP Basic login of somebody in the file.
    ///
    /// # Errors
    /// [`Error::TooMuch`] when too many were wrong, or when the work is lost.
    pub async fn admit(&self, header: Option<&str>, address: Option<IpAddr>) -> Result<bool> {
        let Some((user, password)) = header.and_then(basic) else { return Ok(false) };
        let mark = self.known.hash(&user, &password);
        if self.known.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark) {
            return Ok(true);
        }
        self.guesses().begin(address, &user, Instant::now())?;
        let known = self.hashes.get(&user);
        let hash = known.unwrap_or(&self.stand_in).clone();
        let _turn = self.turns.acquire().await;
        let fits = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        let right = fits.await? && known.is_some();
        if right {
            self.guesses().right(address, &user, Instant::now());
            self.known.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(mark);
        }
        Ok(right)
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the first bad line, counted from 1, is the error. Empty lines and those that start with `#` say nothing.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(at, line)| {
            let (user, hash) = line.split_once(':').ok_or(at + 1)?;
            PasswordHash::new(hash.trim()).map_err(|_| at + 1)?;
            Ok((user.to_owned(), hash.trim().to_owned()))
        })
        .collect()
}

fn hash(password: &str) -> Result<String> {
    let unusable = |_| Error::Unusable("the password cannot be hashed".into());
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(unusable)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(unusable)?.to_string())
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Writes beside the file and renames, so that a reader sees the old file or the new one, never a part.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new: PathBuf = path.with_file_name(name);
    let written =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
    if written.is_err() {
        // What is left of a failed attempt would only stand in the way of the next.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn header(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_admitted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logins");
        Logins::set(&file, "ada", "the first of two").unwrap();
        Logins::set(&file, "ben", "b:en and a bit").unwrap();
        Logins::set(&file, "ada", "the second of two").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");

        let logins = Logins::read(&file).unwrap();
        for (user, password, admitted) in [
            ("ada", "the second of two", true),
            ("ben", "b:en and a bit", true),
            ("ada", "the first of two", false),
            ("ada", "", false),
            // The stand-in for unknown names has the empty password.
            ("eve", "", false),
        ] {
            let header = header(user, password);
            assert_eq!(logins.admit(Some(&header), None).await.unwrap(), admitted, "{user}:{password}");
        }
        for header in [None, Some("Basic"), Some("Basic ?"), Some("Bearer abc")] {
            assert!(!logins.admit(header, None).await.unwrap(), "{header:?}");
        }
    }

    #[test]
    fn a_broken_file_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logins");
        fs::write(&file, "# people\n\nada:secret\n").unwrap();
        assert!(
            Logins::read(&file).unwrap_err().to_string().contains("logins:3: not a name and an argon2 hash")
        );
        fs::write(&file, "# people\n").unwrap();
        assert!(Logins::read(&file).unwrap_err().to_string().contains("names nobody"));
    }

    #[test]
    fn a_name_or_password_that_cannot_work_is_refused() {
        let file = Path::new("/nonexistent/logins");
        assert!(Logins::set(file, "a:b", "correct horse").unwrap_err().to_string().contains("colon"));
        assert!(Logins::set(file, "ada", "").unwrap_err().to_string().contains("password is empty"));
        for short in ["ok", "elevenchars", "äöüäöüäöüäö"] {
            let error = Logins::set(file, "ada", short).unwrap_err().to_string();
            assert!(error.contains("at least 12 characters"), "{short}: {error}");
        }
    }

    #[tokio::test]
    async fn whoever_guesses_is_stopped_and_whoever_logged_in_before_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logins");
        Logins::set(&file, "ada", "correct horse").unwrap();
        let logins = Logins::read(&file).unwrap();
        let (right, wrong) = (header("ada", "correct horse"), header("ada", "wrong horse"));
        let here = Some("192.0.2.1".parse().unwrap());
        assert!(logins.admit(Some(&right), here).await.unwrap());
        // All of them at the same time, from the owner's own address.
        let guess = |_| {
            let (logins, wrong) = (logins.clone(), wrong.clone());
            tokio::spawn(async move { logins.admit(Some(&wrong), here).await })
        };
        let guessing: Vec<_> = (0..40).map(guess).collect();
        let mut refused = 0;
        for guess in guessing {
            match guess.await.unwrap() {
                Ok(admitted) => assert!(!admitted),
                Err(error) => {
                    assert!(matches!(error, Error::TooMuch { .. }), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused >= 25, "{refused} of 40 were refused");
        assert!(logins.admit(Some(&right), here).await.unwrap());
        let elsewhere = Some("192.0.2.2".parse().unwrap());
        let fresh = Logins::read(&file).unwrap();
        assert!(fresh.admit(Some(&right), elsewhere).await.unwrap());
    }
}
