//! Which clusters are on this host: Debian's configured ones and those in the places of other layouts, running or not, and
//! every other socket that bears a port.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{Address, Cause, CauseKind, Entry, Proposal, Site, SiteExt};

use crate::files::{self, Configuration};
use crate::gather::Hints;
use crate::layouts::{self, Found};
use crate::service::{Places, Running};

/// Where Debian keeps `<major>/<cluster>/postgresql.conf`.
const CLUSTERS: &str = "/etc/postgresql";

/// Where servers put their sockets unless they are told otherwise. On most systems the second is the first.
const SOCKET_FOLDERS: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/// How a socket is named: `.s.PGSQL.` and a port. Everybody may write into /tmp; names that no socket has do not count.
const SOCKETS: &str =
    ".s.PGSQL.{[1-9],[1-9][0-9],[1-9][0-9][0-9],[1-9][0-9][0-9][0-9],[1-9][0-9][0-9][0-9][0-9]}";

/// The port of a server whose files name none.
const DEFAULT_PORT: u16 = 5432;

/// A cluster with a configuration of its own.
struct Cluster {
    major: String,
    name: String,
    port: Option<u16>,
    folders: Vec<String>,
    hints: Hints,
}

impl Cluster {
    fn places(&self) -> Places<'_> {
        Places {
            config_file: self.hints.config_file.as_deref(),
            data_directory: self.hints.data_directory.as_deref(),
        }
    }
}

/// Finds clusters and sockets.
///
/// # Errors
/// When nothing was found and something could not be looked at.
pub(crate) fn discover(site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
    let mut unseen = None;
    let mut sockets = sockets(site, &mut unseen);
    let mut clusters = clusters(site, &mut unseen);
    clusters.extend(elsewhere(site, &clusters));
    let own = own_sockets(site, &mut clusters, &sockets);
    for (cluster, socket) in clusters.iter_mut().zip(&own) {
        // Where it listens counts, not where it would after a restart.
        cluster.port = socket.as_ref().and_then(|socket| sockets.get(socket).copied()).or(cluster.port);
    }
    let mut proposals: Vec<_> = clusters
        .iter()
        .zip(&own)
        .map(|(cluster, socket)| propose(cluster, &clusters, socket.clone()))
        .collect();
    let taken: BTreeSet<String> = own.into_iter().flatten().collect();
    sockets.retain(|path, _| !taken.contains(path));
    for (path, port) in &sockets {
        let twice = sockets.values().filter(|other| *other == port).count() > 1;
        let folder = path.split('/').nth(1).unwrap_or_default();
        proposals.push(Proposal {
            name: Some(if twice { format!("{folder}-{port}") } else { port.to_string() }),
            title: format!("PostgreSQL on port {port}"),
            address: Some(Address::Unix(path.clone())),
            hints: serde_json::to_value(Hints { port: Some(*port), ..Hints::default() }).unwrap_or_default(),
        });
    }
    match unseen {
        Some(cause) if proposals.is_empty() => Err(cause),
        _ => Ok(proposals),
    }
}

/// Sockets by path, with their ports; one that is reached over two names of a folder is told once.
fn sockets(site: &mut dyn Site, unseen: &mut Option<Cause>) -> BTreeMap<String, u16> {
    let mut found = BTreeMap::new();
    for folder in SOCKET_FOLDERS {
        for name in found_names(site.find(folder, SOCKETS), unseen) {
            let Some(port) = name.strip_prefix(".s.PGSQL.").and_then(|port| port.parse().ok()) else {
                continue;
            };
            let path = format!("{folder}/{name}");
            if !found.contains_key(&canonical(&path)) {
                found.insert(path, port);
            }
        }
    }
    found
}

fn clusters(site: &mut dyn Site, unseen: &mut Option<Cause>) -> Vec<Cluster> {
    let mut found = Vec::new();
    for major in names(site, CLUSTERS, unseen) {
        if !major.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        for name in names(site, &format!("{CLUSTERS}/{major}"), unseen) {
            let config_file = format!("{CLUSTERS}/{major}/{name}/postgresql.conf");
            let written = match files::read(site, &config_file, None) {
                Ok(written) => Some(written),
                Err(cause) if cause.kind == CauseKind::Absent => continue,
                Err(_) => None,
            };
            found.push(cluster(major.clone(), name, config_file, written.as_ref()));
        }
    }
    found
}

/// Clusters in the places of other layouts, without those that are known by their data.
fn elsewhere(site: &mut dyn Site, known: &[Cluster]) -> Vec<Cluster> {
    let mut found = Vec::new();
    for Found { name, major, data, config_file } in layouts::find(site) {
        if known.iter().any(|cluster| cluster.hints.data_directory.as_deref() == Some(data.as_str())) {
            continue;
        }
        let written = files::read(site, &config_file, None).ok();
        let mut cluster = cluster(major, name, config_file, written.as_ref());
        cluster.hints.data_directory.get_or_insert(data);
        found.push(cluster);
    }
    found
}

fn cluster(major: String, name: String, config_file: String, written: Option<&Configuration>) -> Cluster {
    // A file that cannot be read names no port; one that can and is silent means the default.
    let port = written.and_then(|written| match written.text("port") {
        Some(port) => port.parse().ok(),
        None => Some(DEFAULT_PORT),
    });
    let folders = match written.and_then(|written| written.text("unix_socket_directories")) {
        Some(list) => list.split(',').map(|folder| canonical(folder.trim().trim_matches('"'))).collect(),
        None => vec!["/run/postgresql".to_owned(), "/tmp".to_owned()],
    };
    let data_directory = written.and_then(|written| written.text("data_directory")).map(str::to_owned);
    Cluster {
        major,
        name,
        port,
        folders,
        hints: Hints { config_file: Some(config_file), data_directory, port, contested: false },
    }
}

/// Which socket is whose: each cluster's by the port and the folders of its files, as far as that leaves no doubt. Two
/// clusters may claim one, of which one does not run; and one that runs may have been edited since it was started.
fn own_sockets(
    site: &mut dyn Site,
    clusters: &mut [Cluster],
    sockets: &BTreeMap<String, u16>,
) -> Vec<Option<String>> {
    let written = |cluster: &Cluster| {
        let own = |path: &&String| {
            let folder = canonical(path.rsplit_once('/').map_or("", |(folder, _)| folder));
            sockets.get(*path).copied() == cluster.port && cluster.folders.contains(&folder)
        };
        sockets.keys().find(own).cloned()
    };
    let mut own: Vec<Option<String>> = clusters.iter().map(written).collect();
    let is_unclaimed =
        |own: &[Option<String>], path: &str| own.iter().flatten().all(|claimed| claimed != path);
    let homeless = own.iter().any(Option::is_none) && sockets.keys().any(|path| is_unclaimed(&own, path));
    if clusters.len() < 2 && !homeless {
        return own;
    }
    let running = Running::read(site);
    let runs = |cluster: &Cluster| running.as_ref().map_err(Clone::clone)?.has(cluster.places());
    let runs: Vec<Result<bool, Cause>> = clusters.iter().map(runs).collect();
    // Who does not run has no socket, whatever its files say.
    for (claimed, runs) in own.iter_mut().zip(&runs) {
        claimed.take_if(|_| *runs == Ok(false));
    }
    // Of several that claim one, it is the only one's that is seen to run. Otherwise nobody can tell.
    let claims: Vec<(Option<String>, bool)> =
        own.iter().cloned().zip(runs.iter().map(|runs| *runs == Ok(true))).collect();
    for ((claimed, (_, is_seen)), cluster) in own.iter_mut().zip(&claims).zip(clusters) {
        let rivals = || claims.iter().filter(|(claim, _)| claim.is_some() && claim == claimed);
        let seen = rivals().filter(|(_, is_seen)| *is_seen).count();
        if rivals().count() > 1 && (seen != 1 || !is_seen) {
            cluster.hints.contested = true;
            *claimed = None;
        }
    }
    // The port or the folder was edited after the start: the one server without a socket has the one without a server.
    let seen = claims.iter().filter(|(_, is_seen)| *is_seen).count();
    let all_known = running.is_ok_and(|running| running.number() == seen);
    let orphans: Vec<String> = sockets.keys().filter(|path| is_unclaimed(&own, path)).cloned().collect();
    let mut lost: Vec<&mut Option<String>> = own
        .iter_mut()
        .zip(&claims)
        .filter(|(own, (_, is_seen))| own.is_none() && *is_seen)
        .map(|(own, _)| own)
        .collect();
    if let ([lost], [orphan], true) = (lost.as_mut_slice(), orphans.as_slice(), all_known) {
        **lost = Some(orphan.clone());
    }
    own
}

fn propose(cluster: &Cluster, all: &[Cluster], socket: Option<String>) -> Proposal {
    let Cluster { major, name, port, .. } = cluster;
    let namesakes = all.iter().filter(|other| other.name == *name).count();
    let place = port.map_or_else(String::new, |port| format!(" on port {port}"));
    Proposal {
        name: Some(if namesakes > 1 { format!("{major}-{name}") } else { name.clone() }),
        title: format!("PostgreSQL {major} cluster {name}{place}"),
        address: socket.map(Address::Unix),
        hints: serde_json::to_value(&cluster.hints).unwrap_or_default(),
    }
}

/// `/var/run` is a link to `/run` wherever both exist.
fn canonical(path: &str) -> String {
    match path.strip_prefix("/var/run/") {
        Some(rest) => format!("/run/{rest}"),
        None => path.to_owned(),
    }
}

/// The names in a folder; none if it is not there.
fn names(site: &mut dyn Site, folder: &str, unseen: &mut Option<Cause>) -> Vec<String> {
    found_names(site.list(folder), unseen)
}

fn found_names(found: Result<Vec<Entry>, Cause>, unseen: &mut Option<Cause>) -> Vec<String> {
    match found {
        Ok(entries) => entries.into_iter().map(|entry| entry.name).collect(),
        Err(cause) => {
            if cause.kind != CauseKind::Absent {
                unseen.get_or_insert(cause);
            }
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::{FakeSite, manifest};

    use super::*;

    fn site() -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
    }

    fn found(mut site: FakeSite) -> String {
        let line = |proposal: Proposal| {
            let name = proposal.name.unwrap();
            let address = proposal.address.map_or("-".to_owned(), |address| address.to_string());
            format!("{name} | {} | {address} | {}", proposal.title, proposal.hints)
        };
        discover(&mut site).unwrap().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn names_of_strangers_beside_a_socket_do_not_count() {
        let odd = (0..20_000).map(|number| format!("/tmp/{number:05}{}", "\u{1}".repeat(245)));
        let near = ["", "x", "0", "5432.lock", "123456", "54x"].map(|port| format!("/tmp/.s.PGSQL.{port}"));
        let crowded = odd.chain(near).fold(site(), |site, path| site.file(&path, ""));
        insta::assert_snapshot!(found(crowded.file("/tmp/.s.PGSQL.5432", "")), @r#"5432 | PostgreSQL on port 5432 | unix:/tmp/.s.PGSQL.5432 | {"port":5432}"#);
        let list = site().list("/tmp").unwrap_err();
        assert_eq!(list.kind, CauseKind::NotDeclared, "the names of others are nobody's business");
    }

    #[test]
    fn a_debian_cluster_is_found_once_with_its_socket() {
        let site = site()
            .file("/etc/postgresql/15/main/postgresql.conf",
                  "data_directory = '/var/lib/postgresql/15/main'\nport = 5433\nunix_socket_directories = '/var/run/postgresql'\n")
            .file("/etc/postgresql/15/main/pg_hba.conf", "")
            .file("/run/postgresql/.s.PGSQL.5433", "")
            .file("/run/postgresql/.s.PGSQL.5433.lock", "")
            .file("/var/run/postgresql/.s.PGSQL.5433", "");
        insta::assert_snapshot!(found(site), @r#"main | PostgreSQL 15 cluster main on port 5433 | unix:/run/postgresql/.s.PGSQL.5433 | {"config_file":"/etc/postgresql/15/main/postgresql.conf","data_directory":"/var/lib/postgresql/15/main","port":5433}"#);
    }

    #[test]
    fn a_cluster_that_is_down_and_its_namesake_are_both_targets() {
        let site = site()
            .file("/etc/postgresql/13/main/postgresql.conf", "")
            .file("/etc/postgresql/15/main/postgresql.conf", "port = 5433\n")
            .file("/tmp/.s.PGSQL.5433", "");
        insta::assert_snapshot!(found(site), @r#"
        13-main | PostgreSQL 13 cluster main on port 5432 | - | {"config_file":"/etc/postgresql/13/main/postgresql.conf","port":5432}
        15-main | PostgreSQL 15 cluster main on port 5433 | unix:/tmp/.s.PGSQL.5433 | {"config_file":"/etc/postgresql/15/main/postgresql.conf","port":5433}
        "#);
    }

    const OLD: &str = "/etc/postgresql/13/main/postgresql.conf";
    const NEW: &str = "/etc/postgresql/15/main/postgresql.conf";

    /// A host whose processes can be seen, with a server for each of these configurations.
    fn running(site: FakeSite, configurations: &[&str]) -> FakeSite {
        let site = site.file("/proc/1/status", "Name:\tsystemd\n");
        configurations.iter().zip(20..).fold(site, |site, (file, pid)| {
            site.file(&format!("/proc/{pid}/status"), "Name:\tpostgres\n")
                .file(&format!("/proc/{pid}/cmdline"), format!("/usr/bin/postgres\0-c\0config_file={file}\0"))
                .file(&format!("/proc/{pid}0/status"), "Name:\tpostgres\n")
                .file(&format!("/proc/{pid}0/cmdline"), "postgres: checkpointer \0\0\0")
        })
    }

    /// Each target and its socket.
    fn owners(mut site: FakeSite) -> Vec<(String, Option<String>)> {
        let found = discover(&mut site).unwrap().into_iter();
        found.map(|it| (it.name.unwrap(), it.address.map(|address| address.to_string()))).collect()
    }

    fn owner(name: &str, port: Option<u16>) -> (String, Option<String>) {
        (name.to_owned(), port.map(|port| format!("unix:/run/postgresql/.s.PGSQL.{port}")))
    }

    #[test]
    fn of_two_clusters_on_one_port_the_socket_is_the_one_s_that_runs() {
        let two = || {
            let site = site().file(OLD, "fsync = off\n").file(NEW, "");
            site.file("/run/postgresql/.s.PGSQL.5432", "")
        };
        let old = [owner("13-main", Some(5432)), owner("15-main", None)];
        assert_eq!(owners(running(two(), &[OLD])), old);
        assert_eq!(owners(running(two(), &[NEW])), [owner("13-main", None), owner("15-main", Some(5432))]);
        // Nobody can tell: the socket is a target of its own, and neither cluster gets the other's facts.
        let neither = [owner("13-main", None), owner("15-main", None), owner("5432", Some(5432))];
        assert_eq!(owners(two()), neither);
        assert_eq!(owners(running(two(), &[])), neither, "a server that nothing is known of");
        assert!(found(two()).contains("\"contested\":true"));
        assert!(
            !found(running(two(), &[OLD])).contains("contested"),
            "the other is stopped, and that is all"
        );
        // One is certainly down, and of the other's process only the name is seen.
        let unclear = running(two(), &[]).file("/proc/20/status", "Name:\tpostgres\n");
        let unclear = unclear.refused_file("/proc/20/cmdline", CauseKind::NotPermitted, "no permission");
        assert_eq!(owners(unclear), neither);
    }

    #[test]
    fn a_port_that_was_edited_after_the_start_takes_nothing_from_its_cluster() {
        let edited = || site().file(NEW, "port = 5433\n").file("/run/postgresql/.s.PGSQL.5432", "");
        assert_eq!(owners(running(edited(), &[NEW])), [owner("main", Some(5432))]);
        let moved = site()
            .file(NEW, "unix_socket_directories = '/srv/sockets'\n")
            .file("/run/postgresql/.s.PGSQL.5432", "");
        assert_eq!(owners(running(moved, &[NEW])), [owner("main", Some(5432))]);
        // It may be anybody's, where there is another server, another socket, or nothing to be seen.
        let apart = [owner("main", None), owner("5432", Some(5432))];
        assert_eq!(owners(edited()), apart);
        assert_eq!(owners(running(edited(), &[])), apart);
        assert_eq!(owners(running(edited(), &[NEW, "/srv/other/postgresql.conf"])), apart);
        // The leftover of an older cluster claims the socket by its files, and does not run.
        let left = running(edited().file(OLD, ""), &[NEW]);
        assert_eq!(owners(left), [owner("13-main", None), owner("15-main", Some(5432))]);
        let two = running(edited().file("/run/postgresql/.s.PGSQL.6000", ""), &[NEW]);
        assert_eq!(owners(two).len(), 3);
    }

    #[test]
    fn a_socket_in_another_folder_than_the_cluster_s_is_not_its_own() {
        let site = site()
            .file(
                "/etc/postgresql/15/main/postgresql.conf",
                "unix_socket_directories = '/srv/a, \"/srv/b\"'\n",
            )
            .file("/tmp/.s.PGSQL.5432", "");
        insta::assert_snapshot!(found(site), @r#"
        main | PostgreSQL 15 cluster main on port 5432 | - | {"config_file":"/etc/postgresql/15/main/postgresql.conf","port":5432}
        5432 | PostgreSQL on port 5432 | unix:/tmp/.s.PGSQL.5432 | {"port":5432}
        "#);
    }

    #[test]
    fn sockets_without_a_configuration_are_named_by_their_port() {
        let site = site()
            .file("/run/postgresql/.s.PGSQL.5432", "")
            .file("/tmp/.s.PGSQL.5432", "")
            .file("/tmp/.s.PGSQL.6000", "")
            .file("/tmp/.s.PGSQL.99999", "");
        insta::assert_snapshot!(found(site), @r#"
        run-5432 | PostgreSQL on port 5432 | unix:/run/postgresql/.s.PGSQL.5432 | {"port":5432}
        tmp-5432 | PostgreSQL on port 5432 | unix:/tmp/.s.PGSQL.5432 | {"port":5432}
        6000 | PostgreSQL on port 6000 | unix:/tmp/.s.PGSQL.6000 | {"port":6000}
        "#);
    }

    #[test]
    fn a_configuration_that_may_not_be_read_is_still_a_target() {
        let path = "/etc/postgresql/15/main/postgresql.conf";
        let site = site()
            .refused_file(path, CauseKind::NotPermitted, "no permission")
            .file("/run/postgresql/.s.PGSQL.5432", "");
        insta::assert_snapshot!(found(site), @r#"
        main | PostgreSQL 15 cluster main | - | {"config_file":"/etc/postgresql/15/main/postgresql.conf"}
        5432 | PostgreSQL on port 5432 | unix:/run/postgresql/.s.PGSQL.5432 | {"port":5432}
        "#);
    }

    #[test]
    fn a_host_without_postgresql_has_no_target() {
        assert_eq!(found(site()), "");
    }
}
