//! pg_hba.conf with what it includes: other files of rules (from 16 on), and files of names after `@`.

use goodstead_plugin::{Cause, CauseKind, Site, SiteExt};

use super::tokens::{Token, fields, lines};
use super::{MOST, Rule, Rules};
use crate::files::{folder_of, resolve};

/// How deep the server follows includes (`CONF_FILE_MAX_DEPTH`).
const MAX_DEPTH: usize = 10;

/// How many files are read at most.
const MAX_FILES: usize = 50;

/// How many lines are read at most, in all files.
const MAX_LINES: usize = 20_000;

/// Reads the rules that begin with `path`.
///
/// # Errors
/// Why the first file could not be read.
pub(super) fn read(site: &mut dyn Site, path: &str, release: Option<i64>) -> Result<Rules, Cause> {
    let text = site.read_text(path)?;
    let mut reading = Reading { site, release, found: Rules::default(), files: 0, lines: 0 };
    reading.file(path, &text, 0);
    let mut found = reading.found;
    if found.rules.is_empty() && found.errors.is_empty() && found.unsure.is_none() {
        found.errors.push((
            path.to_owned(),
            "there is no rule in it, and without one the server does not start".to_owned(),
        ));
    }
    Ok(found)
}

struct Reading<'a> {
    site: &'a mut dyn Site,
    release: Option<i64>,
    found: Rules,
    files: usize,
    lines: usize,
}

impl Reading<'_> {
    fn file(&mut self, path: &str, text: &str, depth: usize) {
        for (number, line) in lines(text) {
            self.lines += 1;
            // One rule more than are told shows that there are more.
            if self.lines > MAX_LINES || self.found.rules.len() > MOST {
                let detail = format!("only the first {MAX_LINES} lines or {MOST} rules are read");
                return self.gap(Cause::new(CauseKind::TooLarge, detail));
            }
            let place = format!("{path}:{number}");
            let fields = fields(&line);
            match fields.as_slice() {
                [] => {}
                [first, named, ..]
                    if self.release.is_none_or(|release| release >= 16)
                        && first.len() == 1
                        && first.iter().any(|token| token.text.starts_with("include")) =>
                {
                    let (Some(word), [name]) = (first.first(), named.as_slice()) else { continue };
                    self.include(&word.text, &resolve(folder_of(path), &name.text), &place, depth);
                }
                fields => {
                    let fields: Vec<_> =
                        fields.iter().map(|field| self.expanded(field, path, depth)).collect();
                    match Rule::of(place.clone(), &fields, self.release) {
                        Ok(rule) => self.found.rules.push(rule),
                        Err(problem) => self.found.errors.push((place, problem)),
                    }
                }
            }
        }
    }

    fn include(&mut self, word: &str, path: &str, place: &str, depth: usize) {
        match word {
            "include" | "include_if_exists" => match self.text(path, depth) {
                Ok(text) => self.file(path, &text, depth + 1),
                Err(cause) if cause.kind == CauseKind::Absent => {
                    if word == "include" {
                        let problem = format!("the included file {path} does not exist");
                        self.found.errors.push((place.to_owned(), problem));
                    }
                }
                Err(cause) => self.gap(cause),
            },
            "include_dir" => match self.site.list(path) {
                Ok(mut entries) => {
                    entries.retain(|entry| entry.name.ends_with(".conf") && !entry.name.starts_with('.'));
                    entries.sort_by(|a, b| a.name.cmp(&b.name));
                    for entry in entries {
                        self.include("include", &resolve(path, &entry.name), place, depth);
                    }
                }
                Err(cause) => self.gap(cause),
            },
            _ => {
                let problem = "a line that begins so is include, include_if_exists or include_dir";
                self.found.errors.push((place.to_owned(), problem.to_owned()));
            }
        }
    }

    /// A field with the contents of the files that it names.
    fn expanded(&mut self, field: &[Token], path: &str, depth: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        for token in field {
            match token.text.strip_prefix('@') {
                Some(name) if !token.quoted && !name.is_empty() => {
                    let named = resolve(folder_of(path), name);
                    match self.text(&named, depth) {
                        Ok(text) => {
                            for (_, line) in lines(&text) {
                                for field in fields(&line) {
                                    tokens.extend(self.expanded(&field, &named, depth + 1));
                                }
                            }
                        }
                        Err(cause) => self.gap(cause),
                    }
                }
                _ => tokens.push(token.clone()),
            }
        }
        tokens
    }

    fn text(&mut self, path: &str, depth: usize) -> Result<String, Cause> {
        self.files += 1;
        if depth + 1 > MAX_DEPTH || self.files > MAX_FILES {
            return Err(Cause::new(CauseKind::TooLarge, "files of rules include one another without an end"));
        }
        self.site.read_text(path)
    }

    fn gap(&mut self, cause: Cause) {
        self.found.unsure.get_or_insert(cause);
    }
}
