//! A plugin's library as it is handed to the runner: a copy in memory that nobody can change any more, verified after
//! it was sealed. What was verified is what runs, whatever happens to the file meanwhile.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use goodstead_model::{Cause, CauseKind};
use rustix::fs::{MemfdFlags, SealFlags};

use super::copies::Copies;
use super::revoked::Revoked;
use super::{Fingerprint, NotSealed, Refusal};
use crate::files::open_regular;

/// The largest library: it lies in memory while the plugin runs.
const MAX_LIBRARY: u64 = 256 << 20;

/// Which library a plugin may run.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    /// As it was signed; `None` for a plugin that the admin allows unsigned.
    pub(super) expected: Option<Fingerprint>,
    pub(super) revoked: Arc<Revoked>,
}

impl Library {
    fn check(&self, found: &Fingerprint, path: &Path) -> Result<(), Refusal> {
        self.revoked.check_hash(&found.sha256)?;
        match &self.expected {
            Some(signed) if signed != found => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Err(Refusal::altered(format!("its library {name} is not as it was signed")))
            }
            _ => Ok(()),
        }
    }
}

/// A library's copy in sealed memory, and what it is.
pub(super) type Copied = (File, Fingerprint);

/// The library's copy in sealed memory, verified; one that was begun already if there is.
///
/// # Errors
/// It cannot be read, or is not the one that may run.
pub(crate) fn sealed_copy(path: &Path, library: &Library, begun: &Copies) -> Result<OwnedFd, NotSealed> {
    let copied = begun.take(path).unwrap_or_else(|| copy(path));
    let (memory, found) = copied.map_err(|error| {
        let detail = format!("the library {} cannot be read: {error}", path.display());
        let cause = Cause::new(CauseKind::PluginFailed, detail);
        NotSealed::Unreadable(cause.remedy("reinstall the plugin: its library is missing or damaged"))
    })?;
    library.check(&found, path).map_err(NotSealed::Refused)?;
    Ok(memory.into())
}

/// Copies a library; what its copy is, is told of the copy.
pub(super) fn copy(path: &Path) -> io::Result<Copied> {
    let mut memory = seal(path)?;
    let found = fingerprint(&mut memory)?;
    Ok((memory, found))
}

fn seal(path: &Path) -> io::Result<File> {
    let (library, _) = open_regular(path)?;
    let memory = rustix::fs::memfd_create("plugin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut memory = File::from(memory);
    if io::copy(&mut library.take(MAX_LIBRARY + 1), &mut memory)? > MAX_LIBRARY {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_LIBRARY >> 20)));
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&memory, seals)?;
    Ok(memory)
}

fn fingerprint(memory: &mut File) -> io::Result<Fingerprint> {
    memory.rewind()?;
    let found = Fingerprint::of_reader(memory)?;
    memory.rewind()?;
    Ok(found)
}
