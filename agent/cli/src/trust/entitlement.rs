//! `entitlement.toml.minisig`: what the minisign tool itself makes of a file, beside it.
//!
//! No signature passes here that was made for a plugin or a pack, nor the other way round: their statements begin with
//! a line that no TOML file has. Nothing is allowed unsigned: what a customer licensed is the vendor's word.

use std::path::Path;

use minisign_verify::Signature;

use super::scope::Subject;
use super::{Fingerprint, MANUAL, Refusal, Trust, keys};
use crate::files::{FileError, Links, read_sound};

/// A signature has four lines.
const MAX_SIGNATURE: u64 = 4 << 10;

impl Trust {
    /// Judges the entitlement in `bytes` by the signature in `file`; returns the name of the key that signed it.
    ///
    /// # Errors
    /// Why it does not count.
    pub(crate) fn entitlement(&self, file: &Path, bytes: &[u8]) -> Result<String, Refusal> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let again = format!(
            "put the {name} that came with it beside it, or get both from the vendor again ({MANUAL})"
        );
        let garbage = |why: &str| Refusal::new(format!("its {name} is no signature: {why}"), &again);
        let text = match read_sound(file, MAX_SIGNATURE, Links::Refused) {
            Ok(text) => String::from_utf8(text).map_err(|_| garbage("it is no text"))?,
            Err(FileError::Missing) => {
                return Err(Refusal::new(format!("it is not signed: there is no {name} beside it"), again));
            }
            Err(error) => return Err(garbage(&error.to_string())),
        };
        let signature = Signature::decode(&text).map_err(|_| garbage("minisign cannot read it"))?;
        let key = text.lines().nth(1).and_then(keys::id).ok_or_else(|| garbage("minisign cannot read it"))?;
        let signer =
            self.signer(&key, Subject::Entitlement, |key| key.verify(bytes, &signature, false).is_ok())?;
        self.revoked.check_hash(&Fingerprint::of(bytes).sha256)?;
        Ok(signer.name.clone())
    }
}
