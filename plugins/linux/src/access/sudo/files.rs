//! The files of sudoers(5): /etc/sudoers, and what it includes in the place where it includes it.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, CauseKind, Site, SiteExt};

use super::lines::{directive, logical, without_comment};

/// How deep one file may include another.
const MAX_DEPTH: usize = 16;

/// sudo stops at so many files (sudoers(5)).
const MAX_INCLUDES: usize = 128;

/// Real files have a few KiB, generated ones some hundred.
pub(super) const MAX_SIZE: usize = 1 << 20;

/// More lines than this, comments left out, are not looked at.
pub(super) const MAX_LINES: usize = 5000;

/// A logical line: its text without comments and continuations, and where it starts.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) file: String,
    pub(super) number: i64,
}

/// The lines of all files, in the order in which they count.
#[derive(Default)]
pub(super) struct Lines {
    /// None of them is empty.
    pub(super) lines: Vec<Line>,
    /// Why there may be more.
    pub(super) partial: Option<Cause>,
    seen: BTreeSet<String>,
    includes: usize,
}

impl Lines {
    /// Reads /etc/sudoers and what it includes.
    ///
    /// # Errors
    /// Why /etc/sudoers could not be read.
    pub(super) fn read(site: &mut dyn Site) -> Result<Lines, Cause> {
        let mut found = Lines::default();
        match site.read_text("/etc/sudoers") {
            Ok(text) => found.collect(site, "/etc/sudoers", &text, 0),
            // Without it sudo lets nobody do anything.
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
        Ok(found)
    }

    /// Appends the lines of a file, with those of the files that it includes in their place.
    fn collect(&mut self, site: &mut dyn Site, file: &str, text: &str, depth: usize) {
        if depth == MAX_DEPTH || !self.seen.insert(file.to_owned()) {
            return;
        }
        if text.len() > MAX_SIZE {
            let detail = format!("{file} is larger than any file of sudo");
            self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
            return;
        }
        for (number, line) in logical(text) {
            let folder = directive(&line, "includedir");
            let path = directive(&line, "include");
            self.includes += usize::from(folder.is_some() || path.is_some());
            if self.includes > MAX_INCLUDES {
                let detail = "sudoers includes more files than are looked at";
                self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
                return;
            }
            if let Some(folder) = folder {
                self.include_folder(site, &folder, depth);
            } else if let Some(path) = path {
                // A path without a slash lies beside sudoers.
                let path = if path.starts_with('/') { path } else { format!("/etc/{path}") };
                match site.read_text(&path) {
                    Ok(text) => self.collect(site, &path, &text, depth + 1),
                    Err(cause) if cause.kind == CauseKind::Absent => {}
                    Err(cause) => _ = self.partial.get_or_insert(cause),
                }
            } else {
                let line = without_comment(&line).trim();
                if self.lines.len() == MAX_LINES {
                    let detail = "sudoers has more lines than are looked at";
                    self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
                    return;
                }
                if !line.is_empty() {
                    self.lines.push(Line { text: line.to_owned(), file: file.to_owned(), number });
                }
            }
        }
    }

    fn include_folder(&mut self, site: &mut dyn Site, folder: &str, depth: usize) {
        let folder = folder.trim_end_matches('/');
        if folder != "/etc/sudoers.d" {
            let detail = format!("sudoers includes {folder}, which plugin.toml does not ask to read");
            self.partial.get_or_insert(Cause::new(CauseKind::NotDeclared, detail));
            return;
        }
        if !self.seen.insert(folder.to_owned()) {
            return;
        }
        match site.read_many(&["/etc/sudoers.d/*"], &[]) {
            Ok(found) => {
                self.partial = self.partial.take().or(found.partial);
                for file in found.files {
                    // sudo passes over names with a dot or a tilde at the end: backups and packages' leftovers.
                    let name = file.path.rsplit('/').next().unwrap_or_default();
                    if name.contains('.') || name.ends_with('~') {
                        continue;
                    }
                    match file.content {
                        Ok(bytes) => {
                            let text = String::from_utf8_lossy(&bytes);
                            self.collect(site, &file.path, &text, depth + 1);
                        }
                        Err(cause) => _ = self.partial.get_or_insert(cause),
                    }
                }
            }
            Err(cause) => _ = self.partial.get_or_insert(cause),
        }
    }
}
