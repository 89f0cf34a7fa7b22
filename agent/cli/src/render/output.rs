//! Getting the result out: to standard output or a file, whole or with an error that says so.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use goodstead_protocol::diagnostic::{Diagnostic, Place};

/// Writes `text`, which may hold colours, to `file` or to standard output. Colours reach terminals only; a reader that
/// has seen enough and closed the pipe is no error.
///
/// # Errors
/// The disk is full, the file cannot be made, and the like.
pub(crate) fn write(text: &str, file: Option<&Path>) -> Result<(), Diagnostic> {
    let failed = |error: io::Error, what: &str| {
        Diagnostic::error("cannot-write", format!("the output cannot be written: {error}"))
            .at(Place::file(what))
    };
    match file {
        Some(path) => {
            let plain = anstream::adapter::strip_str(text).to_string();
            fs::write(path, plain).map_err(|error| failed(error, &path.display().to_string()))
        }
        None => {
            let mut out = anstream::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                outcome => outcome.map_err(|error| failed(error, "standard output")),
            }
        }
    }
}
