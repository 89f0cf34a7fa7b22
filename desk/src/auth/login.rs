//! Who may read the pages: a file with one `name:hash` a line, the hash by argon2id.
//!
//! Checking a password is slow and takes memory on purpose, so it is done off the server's threads and only a few at
//! a time; otherwise whoever knocks could make the desk run out of both.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use super::secret::random;
use crate::{Error, Result};

/// Passwords that are checked at the same time; each takes 19 MiB.
const CHECKS_AT_ONCE: usize = 2;

/// Names and the hashes of their passwords.
#[derive(Debug, Clone)]
pub struct Logins {
    hashes: BTreeMap<String, String>,
    /// Checked when the name is unknown, so that the time taken does not tell.
    stand_in: String,
    turns: Arc<Semaphore>,
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
        Ok(Logins { hashes, stand_in: hash("")?, turns: Arc::new(Semaphore::new(CHECKS_AT_ONCE)) })
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
        let mut hashes = if path.exists() { Logins::read(path)?.hashes } else { BTreeMap::new() };
        hashes.insert(user.to_owned(), hash(password)?);
        let text: String = hashes.iter().map(|(user, hash)| format!("{user}:{hash}\n")).collect();
        replace(path, &text).map_err(|source| Error::File { path: path.into(), source })
    }

    /// Whether an `Authorization` header is the HTTP Basic login of somebody in the file.
    ///
    /// # Errors
    /// When the work is lost.
    pub async fn admit(&self, header: Option<&str>) -> Result<bool> {
        let Some((user, password)) = header.and_then(basic) else { return Ok(false) };
        let known = self.hashes.get(&user);
        let hash = known.unwrap_or(&self.stand_in).clone();
        let _turn = self.turns.acquire().await;
        let fits = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(fits.await? && known.is_some())
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
            fs::rename(&new, path)
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
        Logins::set(&file, "ada", "first").unwrap();
        Logins::set(&file, "ben", "b:en").unwrap();
        Logins::set(&file, "ada", "second").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");

        let logins = Logins::read(&file).unwrap();
        for (user, password, admitted) in [
            ("ada", "second", true),
            ("ben", "b:en", true),
            ("ada", "first", false),
            ("ada", "", false),
            // The stand-in for unknown names has the empty password.
            ("eve", "", false),
        ] {
            let header = header(user, password);
            assert_eq!(logins.admit(Some(&header)).await.unwrap(), admitted, "{user}:{password}");
        }
        for header in [None, Some("Basic"), Some("Basic ?"), Some("Bearer abc")] {
            assert!(!logins.admit(header).await.unwrap(), "{header:?}");
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
        assert!(Logins::set(file, "a:b", "x").unwrap_err().to_string().contains("colon"));
        assert!(Logins::set(file, "ada", "").unwrap_err().to_string().contains("password is empty"));
    }
}
