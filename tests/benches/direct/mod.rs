//! A site without a guard, for what the benches compare with: it reads what it is asked for, and runs nothing.

use std::fs;

use goodstead_plugin::{
    Answer, Cause, CauseKind, FileEntry, FileKind, FileList, Granted, Outcome, Request, Site, Stat, Statfs,
};
use goodstead_protocol::glob::Globs;

/// A site without a guard: it does what it is asked.
pub struct Direct;

impl Site for Direct {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Cause::new(CauseKind::Absent, "not there"),
            _ => Cause::new(CauseKind::NotPermitted, "not permitted"),
        };
        let plain = |granted, data| Ok(Answer { granted, data, descriptor: None });
        match request {
            Request::Read { path } => plain(Granted::Read, fs::read(path).map_err(failed)?),
            Request::ReadMany { globs, except } => {
                let (mut files, mut data) = (Vec::new(), Vec::new());
                for path in matching(&globs, &except) {
                    let size = match fs::read(&path) {
                        Ok(bytes) => {
                            data.extend_from_slice(&bytes);
                            Outcome::Ok(bytes.len() as u64)
                        }
                        Err(error) => Outcome::Refused(failed(error)),
                    };
                    files.push(FileEntry { path, size });
                }
                plain(Granted::ReadMany(FileList { files, partial: None }), data)
            }
            Request::Stat { path } => {
                let metadata = fs::metadata(path).map_err(failed)?;
                let kind = if metadata.is_dir() { FileKind::Folder } else { FileKind::File };
                let stat = Stat { kind, size: metadata.len(), mode: 0, uid: 0, gid: 0, modified: 0 };
                plain(Granted::Stat(stat), Vec::new())
            }
            Request::List { path } => {
                let mut entries = Vec::new();
                for entry in fs::read_dir(path).map_err(failed)?.flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    entries.push(goodstead_plugin::Entry { name, kind: FileKind::File });
                }
                plain(Granted::List(entries), Vec::new())
            }
            Request::Find { path, matching } => {
                let matching = Globs::new([matching]);
                let Granted::List(mut entries) = self.ask(Request::List { path })?.granted else {
                    return Err(Cause::new(CauseKind::PluginFailed, "not a list"));
                };
                entries.retain(|entry| matching.is_match(&entry.name));
                plain(Granted::List(entries), Vec::new())
            }
            Request::Statfs { paths } => {
                let one =
                    Statfs { size: 1 << 30, free: 1 << 29, available: 1 << 29, inodes: 100, inodes_free: 50 };
                plain(Granted::Statfs(paths.iter().map(|_| Outcome::Ok(one.clone())).collect()), Vec::new())
            }
            _ => Err(Cause::new(CauseKind::NotAvailable, "not here")),
        }
    }
}

/// The files that match, found by walking name by name from the fixed beginning of each glob.
pub fn matching(globs: &[String], except: &[String]) -> Vec<String> {
    let except = Globs::new(except);
    let mut found = Vec::new();
    for glob in globs {
        let parts: Vec<&str> = glob.trim_start_matches('/').split('/').collect();
        walk(String::new(), &parts, &except, &mut found);
    }
    found
}

fn walk(folder: String, parts: &[&str], except: &Globs, found: &mut Vec<String>) {
    let Some((part, rest)) = parts.split_first() else { return };
    if !part.contains(['*', '?', '[', '{']) {
        let path = format!("{folder}/{part}");
        match fs::metadata(&path) {
            Ok(metadata) if rest.is_empty() && metadata.is_file() && !except.is_match(&path) => {
                found.push(path)
            }
            Ok(metadata) if !rest.is_empty() && metadata.is_dir() => walk(path, rest, except, found),
            _ => {}
        }
        return;
    }
    let matcher = Globs::new([part]);
    for entry in fs::read_dir(format!("{folder}/")).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        let Ok(kind) = entry.file_type() else { continue };
        if *part == "**" {
            if kind.is_dir() {
                walk(path, parts, except, found);
            } else if kind.is_file() && !except.is_match(&path) {
                found.push(path);
            }
        } else if matcher.is_match(&name) {
            if !rest.is_empty() {
                walk(path, rest, except, found);
            } else if kind.is_file() && !except.is_match(&path) {
                found.push(path);
            }
        }
    }
}
