//! Where clusters lie that Debian's tools did not make: packages of Red Hat's and SUSE's families, images of containers,
//! operators, and what was built from source. Each has its configuration in its data folder, or in one of its vendor's.

use goodstead_plugin::{CauseKind, Site, SiteExt};

/// A cluster in a known place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is called among the targets.
    pub(crate) name: String,
    /// The first number of its release, as in its PG_VERSION.
    pub(crate) major: String,
    /// Its data folder.
    pub(crate) data: String,
    /// Its postgresql.conf.
    pub(crate) config_file: String,
}

/// Data folders with fixed paths, and the names of their clusters: packages of Red Hat and SUSE; the official image before
/// release 18; CloudNativePG, whose volume is mounted above; `make install`; and what is unpacked to /opt.
const FIXED: [(&str, &str); 5] = [
    ("/var/lib/pgsql/data", "pgsql"),
    ("/var/lib/postgresql/data", "data"),
    ("/var/lib/postgresql/data/pgdata", "pgdata"),
    ("/usr/local/pgsql/data", "local"),
    ("/opt/pgsql/data", "opt"),
];

/// Folders with one folder a release, what lies below that, and how the names of their clusters begin: the project's own
/// packages for Red Hat's family, and the official image since release 18.
const BY_RELEASE: [(&str, &str, &str); 2] =
    [("/var/lib/pgsql", "data", "pgsql"), ("/var/lib/postgresql", "docker", "docker")];

/// Bitnami's images keep configuration and data apart.
const BITNAMI: (&str, &str) = ("/bitnami/postgresql/data", "/opt/bitnami/postgresql/conf/postgresql.conf");

/// The clusters in these places. What cannot be looked at is as if it were not there: a server that runs is found by its
/// socket as well.
pub(crate) fn find(site: &mut dyn Site) -> Vec<Found> {
    let mut places: Vec<(String, String, String)> = FIXED
        .iter()
        .map(|(data, name)| ((*data).to_owned(), (*name).to_owned(), format!("{data}/postgresql.conf")))
        .collect();
    for (above, below, name) in BY_RELEASE {
        for entry in site.list(above).unwrap_or_default() {
            if entry.name.starts_with(|c: char| c.is_ascii_digit()) {
                let data = format!("{above}/{}/{below}", entry.name);
                let config_file = format!("{data}/postgresql.conf");
                places.push((data, format!("{name}-{}", entry.name), config_file));
            }
        }
    }
    places.push((BITNAMI.0.to_owned(), "bitnami".to_owned(), BITNAMI.1.to_owned()));
    places.into_iter().filter_map(|(data, name, config_file)| found(site, data, name, config_file)).collect()
}

fn found(site: &mut dyn Site, data: String, name: String, config_file: String) -> Option<Found> {
    let version = site.read_text(&format!("{data}/PG_VERSION")).ok()?;
    let major = version.trim().to_owned();
    let is_release = !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let absent = site.read(&config_file).is_err_and(|cause| cause.kind == CauseKind::Absent);
    (is_release && major.len() < 8 && !absent).then_some(Found { name, major, data, config_file })
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::{FakeSite, manifest};

    use super::*;

    /// The data folder, the configuration and the name of each layout.
    const LAYOUTS: [(&str, &str, &str); 8] = [
        ("/var/lib/pgsql/data", "/var/lib/pgsql/data", "pgsql"),
        ("/var/lib/pgsql/16/data", "/var/lib/pgsql/16/data", "pgsql-16"),
        ("/var/lib/postgresql/data", "/var/lib/postgresql/data", "data"),
        ("/var/lib/postgresql/18/docker", "/var/lib/postgresql/18/docker", "docker-18"),
        ("/var/lib/postgresql/data/pgdata", "/var/lib/postgresql/data/pgdata", "pgdata"),
        ("/usr/local/pgsql/data", "/usr/local/pgsql/data", "local"),
        ("/opt/pgsql/data", "/opt/pgsql/data", "opt"),
        ("/bitnami/postgresql/data", "/opt/bitnami/postgresql/conf", "bitnami"),
    ];

    #[test]
    fn a_cluster_of_each_layout_is_found_within_the_manifest() {
        for (data, configuration, name) in LAYOUTS {
            let mut site = FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
                .file(&format!("{data}/PG_VERSION"), "16\n")
                .file(&format!("{configuration}/postgresql.conf"), "fsync = off\n");
            let config_file = format!("{configuration}/postgresql.conf");
            let wanted =
                Found { name: name.to_owned(), major: "16".to_owned(), data: data.to_owned(), config_file };
            assert_eq!(find(&mut site), [wanted]);
        }
    }

    #[test]
    fn a_folder_of_debians_tools_or_without_a_configuration_is_none() {
        let mut site = FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
            .file("/var/lib/postgresql/15/main/PG_VERSION", "15\n")
            .file("/var/lib/pgsql/data/PG_VERSION", "16\n")
            .file("/usr/local/pgsql/data/PG_VERSION", "../../etc\n")
            .file("/usr/local/pgsql/data/postgresql.conf", "");
        assert_eq!(find(&mut site), []);
    }
}
