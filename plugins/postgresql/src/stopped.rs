//! The facts of a cluster that does not run: what its files would start it with.
//!
//! The same facts that a running server's settings give, drawn from the files by the same code. If a file that could say
//! otherwise cannot be read, or the release is not known, all of them are unknown.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, SiteExt, UnknownOr};

use crate::effective::Effective;
use crate::files::{Configuration, folder_of, resolve};
use crate::instance::{self, Server};
use crate::queries;
use crate::rights::Role;
use crate::row::text;
use crate::session::Row;

/// The release of a cluster by its data folder, or by where Debian has its configuration.
pub(crate) fn release(
    site: &mut dyn Site,
    config_file: Option<&str>,
    data_directory: Option<&str>,
) -> Option<i64> {
    let recorded = data_directory.and_then(|folder| site.read_text(&resolve(folder, "PG_VERSION")).ok());
    let folder = || config_file?.strip_prefix("/etc/postgresql/")?.split('/').next().map(str::to_owned);
    let release = recorded.or_else(folder)?;
    // Before 10 a release had two numbers.
    release.trim().split('.').next()?.parse().ok().filter(|major| (8..=99).contains(major))
}

/// The facts.
pub(crate) fn facts(
    site: &mut dyn Site,
    configuration: &Configuration,
    effective: Result<&Effective, &Cause>,
    release: Option<i64>,
    data_directory: Option<&str>,
) -> BTreeMap<String, Fact> {
    let mut facts = BTreeMap::from([("local".to_owned(), true.into())]);
    if let Some(release) = release {
        facts.insert("major".to_owned(), release.into());
    }
    facts.insert("in_recovery".to_owned(), in_recovery(site, data_directory).or_unknown());
    let known = match (effective, configuration.unsure()) {
        (Ok(effective), None) => Ok(effective),
        (Ok(_), Some(cause)) => Err(cause.clone()),
        (Err(cause), _) => Err(cause.clone()),
    };
    // Nothing is hidden from whoever reads the files.
    let server = Server {
        number: release.unwrap_or_default() * 10_000,
        in_recovery: false,
        sees_stats: true,
        user: String::new(),
        own: true,
        rows: usize::MAX,
    };
    let mut rows = known.as_ref().map(|effective| effective.rows.clone()).map_err(Clone::clone);
    if let Ok(rows) = &mut rows {
        let folder = data_directory.unwrap_or(folder_of(configuration.first_file()));
        let own = rows.iter_mut().find(|row| text(row, "name") == Some("data_directory"));
        own.map(|row| row.insert("setting".to_owned(), folder.to_owned()));
    }
    facts.extend(instance::from_settings(rows.as_ref().map(Vec::as_slice).map_err(Clone::clone), &server));
    let origins = rows.as_ref().map(|rows| origins(rows, release.unwrap_or_default())).map_err(Clone::clone);
    facts.insert("settings_origin".to_owned(), origins.or_unknown());
    let settings = rows.map(|rows| {
        let mut items = queries::settings(rows, true, Role { name: "", own: true }).values;
        let worked_out =
            || Fact::unknown(CauseKind::NotAvailable, "only a server that starts knows its value");
        for name in known.iter().flat_map(|effective| &effective.unsettled) {
            items.insert((*name).to_owned(), worked_out());
        }
        Fact::Map(Elements { items, partial: None })
    });
    facts.insert("settings".to_owned(), settings.unwrap_or_else(Fact::from));
    facts
}

/// Where each value comes from, in words that follow the value.
fn origins(rows: &[Row], release: i64) -> Fact {
    let origin = |row: &Row| {
        let place = text(row, "sourcefile").zip(text(row, "sourceline"));
        let words = match place {
            Some((file, line)) => {
                format!("as written in {file}:{line}, not running (change it there before the start)")
            }
            None => format!("the built-in default of PostgreSQL {release}, not running"),
        };
        Some((text(row, "name")?.to_owned(), Fact::from(words)))
    };
    Fact::Map(Elements { items: rows.iter().filter_map(origin).collect(), partial: None })
}

/// Whether it would start as a standby, or to be restored.
fn in_recovery(site: &mut dyn Site, data_directory: Option<&str>) -> Result<bool, Cause> {
    let detail = "it is not known where the data are";
    let folder = data_directory.ok_or_else(|| Cause::new(CauseKind::NotAvailable, detail))?;
    site.read(&resolve(folder, "PG_VERSION"))?;
    for name in ["standby.signal", "recovery.signal"] {
        match site.stat(&resolve(folder, name)) {
            Ok(_) => return Ok(true),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Target;
    use goodstead_plugin::fake::{FakeSite, manifest};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::gather::gather;

    const CONF: &str = "/etc/postgresql/15/main/postgresql.conf";
    const DATA: &str = "/var/lib/postgresql/15/main";

    fn site(conf: &str) -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
            .file(CONF, format!("data_directory = '{DATA}'\n{conf}"))
            .file(&format!("{DATA}/PG_VERSION"), "15\n")
    }

    fn told(mut site: FakeSite, config_file: &str) -> Json {
        let hints = json!({"config_file": config_file, "data_directory": DATA});
        let target = Target { hints, ..Target::default() };
        gather(&target, &mut site).unwrap().to_json()
    }

    #[test]
    fn a_folder_has_the_settings_that_its_files_would_start() {
        let facts = told(site("fsync = off\nmax_connections = 300\n").folder(), CONF);
        assert_eq!((&facts["basis"], &facts["major"]), (&json!("files"), &json!(15)));
        let settings = &facts["settings"];
        assert_eq!((&settings["fsync"], &settings["full_page_writes"]), (&json!(false), &json!(true)));
        assert_eq!((&settings["max_connections"], &settings["work_mem"]), (&json!(300), &json!(4_194_304)));
        assert_eq!(settings["data_checksums"]["$unknown"]["kind"], "not-available");
        let origins = &facts["settings_origin"];
        assert_eq!(
            origins["fsync"],
            format!("as written in {CONF}:2, not running (change it there before the start)")
        );
        assert_eq!(origins["work_mem"], "the built-in default of PostgreSQL 15, not running");
        assert_eq!((&facts["data_directory"], &facts["listen"]["remote"]), (&json!(DATA), &json!(false)));
        assert_eq!(facts["in_recovery"], false);
        assert_eq!(facts["service"]["running"]["$unknown"]["kind"], "not-applicable-here");
        assert!(facts["slots"]["$unknown"].is_object(), "only a server knows");
    }

    #[test]
    fn what_alter_system_wrote_wins_and_where_it_is_hidden_nothing_is_known() {
        let auto = format!("{DATA}/postgresql.auto.conf");
        let facts = told(site("fsync = on\n").file(&auto, "fsync = 'off'\n").folder(), CONF);
        assert_eq!(facts["settings"]["fsync"], false);
        let hidden = site("fsync = off\n").refused_file(&auto, CauseKind::NotPermitted, "no permission");
        let facts = told(hidden.folder(), CONF);
        assert_eq!(facts["settings"]["$unknown"]["kind"], "not-permitted");
        assert_eq!(facts["listen"]["$unknown"]["kind"], "not-permitted");
    }

    #[test]
    fn a_release_that_is_not_known_is_not_judged() {
        for release in ["12", "19", "9.6"] {
            let facts =
                told(site("fsync = on\n").file(&format!("{DATA}/PG_VERSION"), release).folder(), CONF);
            assert_eq!(facts["settings"]["$unknown"]["kind"], "not-available", "{release}");
            assert_eq!(facts["config_errors"]["$cause"]["kind"], "not-available", "{release}");
        }
    }

    #[test]
    fn a_server_that_may_run_is_not_described_by_its_files() {
        let facts = told(site("fsync = on\n"), CONF);
        assert_eq!(facts["basis"]["$unknown"]["kind"], "not-permitted", "processes are hidden");
        assert!(facts["settings"]["$unknown"].is_object());
    }

    #[test]
    fn a_value_that_the_server_refuses_is_unknown_and_an_error() {
        let facts = told(site("fsync = perhaps\nshared_bufers = 1GB\n").folder(), CONF);
        assert!(facts["settings"]["fsync"]["$unknown"].is_object());
        assert_eq!(facts["config_errors"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_release_is_the_data_folder_s_or_the_configuration_s() {
        let mut site = FakeSite::new().file("/data/PG_VERSION", "16\n").file("/old/PG_VERSION", "9.6\n");
        for (config, data, expected) in [
            (Some(CONF), Some("/data"), Some(16)),
            (Some(CONF), None, Some(15)),
            (None, Some("/old"), Some(9)),
            (Some("/srv/postgresql.conf"), Some("/nowhere"), None),
        ] {
            assert_eq!(release(&mut site, config, data), expected, "{config:?} {data:?}");
        }
    }
}
