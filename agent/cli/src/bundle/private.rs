//! A private temporary folder that is gone when nobody needs it any more, and when the agent is interrupted.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The exit status after an interrupt, as shells have it.
const INTERRUPTED: i32 = 130;

/// The folders to remove on an interrupt.
static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder that its owner alone can enter.
#[derive(Debug)]
pub(crate) struct Private(PathBuf);

impl Private {
    pub(super) fn create() -> io::Result<Private> {
        watch();
        let mut bytes = [0; 12];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("goodstead-bundle-{name}"));
        // Noted first: an interrupt between the two removes what may be there.
        open().push(path.clone());
        let private = Private(path);
        DirBuilder::new().mode(0o700).create(&private.0)?;
        Ok(private)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        open().retain(|path| *path != self.0);
    }
}

fn open() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has an interrupt, a hangup or a request to end remove the folders first.
fn watch() {
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| {
        // Without a handler they are left to whoever cleans the temporary folder.
        let _ = ctrlc::set_handler(|| {
            for path in open().iter() {
                let _ = fs::remove_dir_all(path);
            }
            // The thread of the handler is the only one that can end the program here.
            #[allow(clippy::exit)]
            std::process::exit(INTERRUPTED);
        });
    });
}
