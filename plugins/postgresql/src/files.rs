//! The configuration files as the server reads them: `postgresql.conf` with everything it includes, then
//! `postgresql.auto.conf` (what ALTER SYSTEM wrote) from the data folder. The last line that names a setting wins.
//!
//! Nothing here depends on a running server. What could not be read makes the result partial; what the server itself
//! would refuse is an error with its place.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, facts};

use crate::conf;
use crate::row::text;
use crate::session::Row;
use crate::settings::from_file;

/// How deep the server follows includes (`CONF_FILE_MAX_DEPTH`).
const MAX_DEPTH: usize = 10;

/// How many files are read at most: files that include each other twice would otherwise be read a thousand times.
const MAX_FILES: usize = 200;

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    first_file: String,
    values: BTreeMap<String, Written>,
    errors: Vec<(String, String)>,
    /// Why there may be more errors than these.
    unread: Option<Cause>,
    /// Why a value may not be the last word.
    unsure: Option<Cause>,
    files: usize,
}

/// The line that decides about a setting.
#[derive(Debug)]
pub(crate) struct Written {
    /// As it is written, without quotes.
    pub(crate) value: String,
    /// FILE:LINE.
    pub(crate) place: String,
}

/// Reads the files that begin with `config_file`. Without `data_directory` that is where they say, or beside them.
///
/// # Errors
/// Why the first file could not be read.
pub(crate) fn read(
    site: &mut dyn Site,
    config_file: &str,
    data_directory: Option<&str>,
) -> Result<Configuration, Cause> {
    let mut found = Configuration { first_file: config_file.to_owned(), ..Configuration::default() };
    let text = site.read_text(config_file)?;
    found.file(site, config_file, &text, 0);
    let folder = data_directory.or(found.text("data_directory")).unwrap_or(folder_of(config_file));
    let auto = resolve(folder, "postgresql.auto.conf");
    match site.read_text(&auto) {
        Ok(text) => found.file(site, &auto, &text, 0),
        Err(cause) if cause.kind == CauseKind::Absent => {}
        Err(cause) => {
            let detail =
                format!("what ALTER SYSTEM wrote decides, and it could not be read: {}", cause.detail);
            found.unsure.get_or_insert(Cause { detail, ..cause });
        }
    }
    Ok(found)
}

/// The files as the server that runs reads them, by the rows of `pg_file_settings` in their order.
pub(crate) fn from_view(config_file: &str, rows: &[Row]) -> Configuration {
    let mut found = Configuration { first_file: config_file.to_owned(), ..Configuration::default() };
    for row in rows {
        let line = text(row, "sourceline").unwrap_or("?");
        let place = format!("{}:{line}", text(row, "sourcefile").unwrap_or(config_file));
        match (text(row, "name"), text(row, "setting"), text(row, "error")) {
            (Some(name), Some(value), _) => {
                let written = Written { value: value.to_owned(), place };
                found.values.insert(name.to_ascii_lowercase(), written);
            }
            (_, _, Some(problem)) => found.error(place, problem),
            _ => {}
        }
    }
    found
}

impl Configuration {
    /// The text of a setting as it stands in the files.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|written| written.value.as_str())
    }

    /// The value of a setting, if it is in the files and nothing that could not be read may say otherwise.
    pub(crate) fn certain(&self, name: &str) -> Option<Fact> {
        if self.is_whole() { from_file(name, self.text(name)?) } else { None }
    }

    /// Whether nothing that could not be read may say otherwise.
    pub(crate) fn is_whole(&self) -> bool {
        self.unsure.is_none()
    }

    /// Why something that could not be read may say otherwise.
    pub(crate) fn unsure(&self) -> Option<&Cause> {
        self.unsure.as_ref()
    }

    /// The settings in the files, by name in lower case.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &Written)> {
        self.values.iter().map(|(name, written)| (name.as_str(), written))
    }

    /// Where a setting is written.
    pub(crate) fn place(&self, name: &str) -> Option<&str> {
        self.values.get(&name.to_ascii_lowercase()).map(|written| written.place.as_str())
    }

    /// The path of the first file.
    pub(crate) fn first_file(&self) -> &str {
        &self.first_file
    }

    /// The facts `configured`, `configured_at` and `config_errors`, with the `more` errors of what the lines say.
    pub(crate) fn facts(self, more: Result<Vec<(String, String)>, Cause>) -> [(&'static str, Fact); 3] {
        let mut configured = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (name, written) in self.values {
            places.insert(name.clone(), Fact::from(written.place));
            if let Some(fact) = from_file(&name, &written.value) {
                configured.insert(name, fact);
            }
        }
        let (more, unjudged) = match more {
            Ok(more) => (more, None),
            Err(cause) => (Vec::new(), Some(cause)),
        };
        let errors = problems(self.errors.into_iter().chain(more));
        let unread = self.unread.or(unjudged);
        let unsure = self.unsure.map(Box::new);
        [
            ("configured", Fact::Map(Elements { items: configured, partial: unsure.clone() })),
            ("configured_at", Fact::Map(Elements { items: places, partial: unsure })),
            ("config_errors", Fact::List(Elements { items: errors, partial: unread.map(Box::new) })),
        ]
    }

    fn file(&mut self, site: &mut dyn Site, path: &str, text: &str, depth: usize) {
        let lines = conf::parse(text);
        for number in lines.bad {
            self.error(format!("{path}:{number}"), "this line is no setting: write name = value");
        }
        for line in lines.good {
            let place = format!("{path}:{}", line.number);
            let named = resolve(folder_of(path), &line.value);
            match line.name.as_str() {
                "include" => self.include(site, &named, &place, depth, true),
                "include_if_exists" => self.include(site, &named, &place, depth, false),
                "include_dir" => self.include_dir(site, &named, &place, depth),
                _ => _ = self.values.insert(line.name, Written { value: line.value, place }),
            }
        }
    }

    fn include(&mut self, site: &mut dyn Site, path: &str, place: &str, depth: usize, required: bool) {
        if depth + 1 > MAX_DEPTH {
            let problem = format!("includes are nested more than {MAX_DEPTH} deep, perhaps in a circle");
            return self.error(place.to_owned(), &problem);
        }
        self.files += 1;
        if self.files > MAX_FILES {
            let detail = format!("only the first {MAX_FILES} included files are read");
            return self.gap(Cause::new(CauseKind::TooLarge, detail));
        }
        match site.read_text(path) {
            Ok(text) => self.file(site, path, &text, depth + 1),
            Err(cause) if is_absent(site, path, &cause) => {
                if required {
                    self.error(place.to_owned(), &format!("the included file {path} does not exist"));
                }
            }
            Err(cause) => self.gap(cause),
        }
    }

    fn include_dir(&mut self, site: &mut dyn Site, path: &str, place: &str, depth: usize) {
        match site.list(path) {
            Ok(mut entries) => {
                entries.retain(|entry| entry.name.ends_with(".conf") && !entry.name.starts_with('.'));
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                for entry in entries {
                    self.include(site, &resolve(path, &entry.name), place, depth, true);
                }
            }
            Err(cause) if is_absent(site, path, &cause) => {
                self.error(place.to_owned(), &format!("the included folder {path} does not exist"));
            }
            Err(cause) => self.gap(cause),
        }
    }

    fn error(&mut self, place: String, problem: &str) {
        self.errors.push((place, problem.to_owned()));
    }

    fn gap(&mut self, cause: Cause) {
        self.unsure.get_or_insert(cause.clone());
        self.unread.get_or_insert(cause);
    }
}

/// Places with their problems as elements of a list: one for each place.
pub(crate) fn problems(found: impl IntoIterator<Item = (String, String)>) -> Vec<Fact> {
    let mut places: Vec<(String, String)> = Vec::new();
    for (place, problem) in found {
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, problems)) if *problems == problem => {}
            Some((_, problems)) => *problems = format!("{problems}; {problem}"),
            None => places.push((place, problem)),
        }
    }
    places.into_iter().map(|(place, problem)| facts! { "place" => place, "problem" => problem }).collect()
}

/// Whether nothing is there. Of what has another name than the manifest names, whether it is there may be known.
fn is_absent(site: &mut dyn Site, path: &str, cause: &Cause) -> bool {
    let absent = |cause: &Cause| cause.kind == CauseKind::Absent;
    absent(cause)
        || cause.kind == CauseKind::NotDeclared && site.stat(path).is_err_and(|cause| absent(&cause))
}

pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(folder, _)| folder)
}

/// `path` as seen from `folder`, without `.` and `..`.
pub(crate) fn resolve(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::{FakeSite, manifest};
    use serde_json::{Value as Json, json};

    use super::*;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";
    const AUTO: &str = "/var/lib/postgresql/15/main/postgresql.auto.conf";

    fn site() -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
    }

    fn facts_of(mut site: FakeSite) -> BTreeMap<&'static str, Json> {
        let found = read(&mut site, CONF, None).unwrap();
        found.facts(Ok(Vec::new())).into_iter().map(|(name, fact)| (name, fact.to_json())).collect()
    }

    #[test]
    fn includes_are_followed_in_order_and_the_last_line_wins() {
        let facts = facts_of(
            site()
                .file(
                    CONF,
                    "data_directory = '/var/lib/postgresql/15/main'\nfsync = on\ninclude_dir 'conf.d'\n\
                             include_if_exists = 'nowhere.conf'\nwork_mem = 8MB\n",
                )
                .file("/etc/postgresql/15/main/conf.d/20-b.conf", "fsync = off\nwork_mem = 64MB\n")
                .file("/etc/postgresql/15/main/conf.d/10-a.conf", "fsync = on\ninclude '../more.conf'\n")
                .file("/etc/postgresql/15/main/conf.d/.hidden.conf", "jit = off\n")
                .file("/etc/postgresql/15/main/conf.d/notes.txt", "jit = off\n")
                .file("/etc/postgresql/15/main/more.conf", "checkpoint_timeout = 15min\n")
                .file(AUTO, "max_wal_size = '4GB'\n"),
        );
        assert_eq!(
            facts["configured"],
            json!({"checkpoint_timeout": 900, "data_directory": "/var/lib/postgresql/15/main", "fsync": false,
                   "max_wal_size": 4294967296_i64, "work_mem": 8388608})
        );
        assert_eq!(facts["configured_at"]["fsync"], "/etc/postgresql/15/main/conf.d/20-b.conf:1");
        assert_eq!(facts["configured_at"]["max_wal_size"], format!("{AUTO}:1"));
        assert_eq!(facts["config_errors"], json!([]));
    }

    #[test]
    fn what_alter_system_wrote_and_may_not_be_read_makes_values_partial_and_errors_not() {
        let site = site()
            .file(CONF, "data_directory = '/var/lib/postgresql/15/main'\nfsync = on\n")
            .refused_file(AUTO, CauseKind::NotPermitted, "no permission to read it");
        let facts = facts_of(site);
        assert_eq!(facts["configured"]["$partial"]["fsync"], true);
        assert_eq!(facts["configured"]["$cause"]["kind"], "not-permitted");
        assert_eq!(facts["config_errors"], json!([]));
    }

    #[test]
    fn what_the_server_would_refuse_is_an_error_with_its_place() {
        let site = site().file(CONF, "include 'gone.conf'\nfsync\ninclude_dir = 'conf.d'\n");
        let facts = facts_of(site);
        let places: Vec<_> =
            facts["config_errors"].as_array().unwrap().iter().map(|error| &error["place"]).collect();
        assert_eq!(
            places,
            [&json!(format!("{CONF}:2")), &json!(format!("{CONF}:1")), &json!(format!("{CONF}:3"))]
        );
    }

    #[test]
    fn a_circle_of_includes_ends_and_is_told() {
        let facts = facts_of(
            site().file(CONF, "include 'postgresql.conf'\ninclude 'postgresql.conf'\nfsync = off\n"),
        );
        let errors = &facts["config_errors"];
        assert_eq!(errors["$cause"]["kind"], "too-large", "{errors}");
        assert!(errors["$partial"][0]["problem"].as_str().unwrap().contains("10 deep"), "{errors}");
    }

    #[test]
    fn includes_nest_ten_deep_and_no_deeper() {
        for (depth, errors) in [(MAX_DEPTH, 0), (MAX_DEPTH + 1, 1)] {
            let mut site = site().file(CONF, "include '1.conf'\n");
            for number in 1..=depth {
                let path = format!("/etc/postgresql/15/main/{number}.conf");
                let next =
                    if number < depth { format!("include '{}.conf'\n", number + 1) } else { String::new() };
                site = site.file(&path, next);
            }
            assert_eq!(facts_of(site)["config_errors"].as_array().map(Vec::len), Some(errors), "{depth}");
        }
    }

    #[test]
    fn a_file_outside_of_the_manifest_is_a_gap_and_no_error() {
        let facts = facts_of(
            site().file(CONF, "include '/srv/tuning.conf'\n").file("/srv/tuning.conf", "fsync = off\n"),
        );
        assert_eq!(facts["configured"]["$cause"]["kind"], "not-declared");
        assert_eq!(facts["config_errors"]["$cause"]["kind"], "not-declared");
    }

    #[test]
    fn without_its_first_file_nothing_is_configured() {
        assert_eq!(read(&mut site(), CONF, None).unwrap_err().kind, CauseKind::Absent);
    }
}
