//! Catalogues as the tools write them, and as nobody does; what is found of whose, and what is unknown.

use goodstead_plugin::fake::{FakeSite, manifest};
use serde_json::{Value as Json, json};

use super::*;

/// The time of these tests: 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;

const OWN: &str = "7710880469420049393";

/// pgBackRest 2.45, `info --output=json`, of a stanza that went through an upgrade.
const INFO: &str = r#"[{"archive":[{"database":{"id":1,"repo-key":1},"id":"15-1","max":"000000010000000000000004","min":"000000010000000000000001"}],"backup":[{"archive":{"start":"0","stop":"0"},"backrest":{"format":5,"version":"2.45"},"database":{"id":1,"repo-key":1},"error":null,"info":{"delta":1,"repository":{"delta":1,"size":1},"size":1},"label":"20250101-020000F","lsn":{"start":"0/2000028","stop":"0/2000100"},"prior":null,"reference":null,"timestamp":{"start":1735696800,"stop":1735696900},"type":"full"},{"archive":{"start":"000000010000000000000002","stop":"000000010000000000000002"},"backrest":{"format":5,"version":"2.45"},"database":{"id":2,"repo-key":1},"error":false,"info":{"delta":22992572,"repository":{"delta":3056852,"size":3056852},"size":22992572},"label":"20261121-063426F","lsn":{"start":"0/2000028","stop":"0/2000100"},"prior":null,"reference":null,"timestamp":{"start":1795242866,"stop":1795242873},"type":"full"},{"archive":{"start":"000000010000000000000003","stop":"000000010000000000000004"},"backrest":{"format":5,"version":"2.45"},"database":{"id":2,"repo-key":1},"error":true,"info":{"delta":8458,"repository":{"delta":430,"size":3056853},"size":22992572},"label":"20261121-063426F_20261122-063434I","lsn":{"start":"0/3000028","stop":"0/4000050"},"prior":"20261121-063426F","reference":["20261121-063426F"],"timestamp":{"start":1795329274,"stop":1795329276},"type":"incr"}],"cipher":"aes-256-cbc","db":[{"id":1,"repo-key":1,"system-id":18446744073709551615,"version":"14"},{"id":2,"repo-key":1,"system-id":7710880469420049393,"version":"15"}],"name":"main","repo":[{"cipher":"aes-256-cbc","key":1,"status":{"code":0,"message":"ok"}}],"status":{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}}]"#;

/// The same release where the repository may not be read; it ends with 0.
const BLIND: &str = r#"[{"archive":[],"backup":[],"cipher":"none","db":[],"name":"[invalid]","repo":[{"cipher":"none","key":1,"status":{"code":99,"message":"[PathOpenError] unable to list file info"}}],"status":{"code":99,"lock":{"backup":{"held":false}},"message":"other"}}]"#;

/// The same release's `backup.info`.
const BACKUP_INFO: &str = r#"[backrest]
backrest-format=5
backrest-version="2.45"

[backup:current]
20261122-063426F={"backrest-format":5,"backrest-version":"2.45","backup-archive-start":"000000010000000000000002","backup-archive-stop":"000000010000000000000002","backup-error":false,"backup-info-repo-size":3056852,"backup-timestamp-start":1795329266,"backup-timestamp-stop":1795329273,"backup-type":"full","db-id":1,"option-checksum-page":true,"option-online":true}

[db]
db-catalog-version=202209061
db-control-version=1300
db-id=1
db-system-id=7710880469420049393
db-version="15"

[db:history]
1={"db-catalog-version":202209061,"db-control-version":1300,"db-system-id":7710880469420049393,"db-version":"15"}

[backrest]
backrest-checksum="2f2011ca3d9626d35fe2e4fbf5bed89513f29c01"
"#;

/// Barman 3.4.0's `backup.info`, shortened.
fn barman(day: u8, status: &str) -> String {
    format!(
        "backup_label='START WAL LOCATION: 0/7000028\\nLABEL: pg_basebackup base backup\\n'\nbegin_time=2026-11-{day} \
         06:37:26.013147+00:00\nend_time=2026-11-{day} 06:37:28.950395+00:00\nerror=None\nmode=postgres\n\
         server_name=main\nsize=23203913\nstatus={status}\nsystemid={OWN}\ntablespaces=None\n"
    )
}

/// WAL-G, `backup-list --detail --json`, in the shape of its documentation (1.1).
const WAL_G: &str = r#"[{"backup_name":"base_000000010000000000000002","time":"2026-11-21T02:00:09Z","wal_file_name":"000000010000000000000002","start_time":"2026-11-21T02:00:00.101Z","finish_time":"2026-11-21T02:00:08.2Z","hostname":"db.example.test","data_dir":"/var/lib/postgresql/15/main","pg_version":150018,"start_lsn":33554472,"finish_lsn":33554688,"is_permanent":false,"system_identifier":7710880469420049393,"uncompressed_size":24189229,"compressed_size":3061234},{"backup_name":"base_000000010000000000000006_D_000000010000000000000002","time":"2026-11-22T02:00:09Z","wal_file_name":"000000010000000000000006","start_time":"2026-11-22T02:00:00.101Z","finish_time":"2026-11-22T02:00:08.2Z","hostname":"db.example.test","data_dir":"/var/lib/postgresql/15/main","pg_version":150018,"start_lsn":100663336,"finish_lsn":100663552,"is_permanent":false,"system_identifier":7710880469420049393,"uncompressed_size":1189229,"compressed_size":61234}]"#;

const LIST: &str = "/var/spool/goodstead/backups/list.json";
const STANZA: &str = "/var/lib/pgbackrest/backup/main/backup.info";

fn site() -> FakeSite {
    FakeSite::with_manifest(&manifest(include_str!("../../plugin.toml")))
}

fn cluster(archives_with: Option<Tool>) -> Cluster {
    Cluster {
        now: Ok(NOW),
        system_identifier: Ok(OWN.to_owned()),
        archives_with: Ok(archives_with),
        base_backup_seconds_ago: Ok(None),
    }
}

fn told(mut site: FakeSite, cluster: &Cluster) -> BTreeMap<&'static str, Json> {
    facts(&mut site, cluster, Some("main")).map(|(name, fact)| (name, fact.to_json())).into()
}

#[test]
fn pgbackrest_tells_of_this_cluster_alone() {
    let told = told(site().command("pgbackrest-info", 0, INFO), &cluster(Some(Tool::PgBackRest)));
    assert_eq!(
        told["backup"],
        json!({"archives_with": "pgBackRest", "tool": "pgBackRest", "name": "main", "complete": 2, "damaged": true,
               "encrypted": true, "last": "2026-11-22T06:34:36Z", "last_seconds_ago": 19_524,
               "last_full_seconds_ago": 105_927, "oldest_full_seconds_ago": 105_927,
               "longest_gap_seconds": 86_403})
    );
    // Its log lies elsewhere: failed attempts are not known to be none.
    assert_eq!(told["backup_runs"]["$unknown"]["kind"], "absent");
    assert_eq!(told["restores"], json!([]));
}

#[test]
fn a_catalogue_is_found_in_files_too_and_named_by_its_folder() {
    let log = "2026-11-22 06:34:26.807 P00   INFO: backup command begin 2.45: --stanza=main\n\
               2026-11-22 06:34:33.118 P00   INFO: backup command end: completed successfully (6000ms)\n";
    let site = site()
        .command("pgbackrest-info", 41, "")
        .file(STANZA, BACKUP_INFO)
        .file("/var/log/pgbackrest/main-backup.log", log);
    let told = told(site, &cluster(Some(Tool::PgBackRest)));
    let backup = &told["backup"];
    assert_eq!((&backup["name"], &backup["complete"]), (&json!("main"), &json!(1)));
    assert_eq!((&backup["encrypted"], &backup["damaged"]), (&json!(false), &json!(false)));
    assert_eq!(backup.get("longest_gap_seconds"), None);
    assert_eq!(told["backup_runs"][0]["at"], "2026-11-22T06:34:26Z");
    assert_eq!(told["backup_runs"][0]["told_by"], "pgBackRest's log");
}

#[test]
fn barman_s_folders_are_one_catalogue_with_those_that_failed() {
    let mut site = site();
    for (day, status) in [(19, "DONE"), (20, "FAILED"), (21, "DONE"), (22, "STARTED")] {
        let path = format!("/var/lib/barman/main/base/202611{day}T063726/backup.info");
        site = site.file(&path, barman(day, status));
    }
    let other = barman(22, "DONE").replace(OWN, "7");
    let site = site.file("/var/lib/barman/other/base/20261122T063726/backup.info", other);
    let told = told(site, &cluster(None));
    let backup = &told["backup"];
    assert_eq!((&backup["tool"], &backup["complete"]), (&json!("Barman"), &json!(2)));
    assert_eq!(
        (&backup["last"], &backup["longest_gap_seconds"]),
        (&json!("2026-11-21T06:37:28Z"), &json!(172_800))
    );
    assert_eq!((backup.get("encrypted"), backup.get("damaged")), (None, None));
    let outcomes: Vec<_> =
        told["backup_runs"].as_array().unwrap().iter().map(|run| &run["succeeded"]).collect();
    assert_eq!(outcomes, [true, false, true]);
}

#[test]
fn lists_that_a_job_leaves_are_read_in_both_forms() {
    let walg = told(site().file(LIST, WAL_G), &cluster(Some(Tool::WalG)));
    let backup = &walg["backup"];
    assert_eq!((&backup["tool"], &backup["complete"]), (&json!("WAL-G"), &json!(2)));
    assert_eq!(
        (&backup["last"], &backup["last_full_seconds_ago"]),
        (&json!("2026-11-22T02:00:08Z"), &json!(122_392))
    );
    assert_eq!(walg["backup_runs"]["$unknown"]["kind"], "not-available");
    let left = told(site().file(LIST, INFO), &cluster(Some(Tool::PgBackRest)));
    assert_eq!(left["backup"]["complete"], 2);
}

#[test]
fn no_catalogue_is_none_only_where_nothing_may_keep_one_out_of_sight() {
    let tool = |told: &BTreeMap<&str, Json>| told["backup"].get("tool").cloned();
    assert_eq!(tool(&told(site(), &cluster(None))), None);
    assert_eq!(tool(&told(site(), &cluster(Some(Tool::Other)))), None);
    for (archives_with, site, kind) in [
        (Tool::PgBackRest, site(), "not-available"),
        (Tool::PgBackRest, site().command("pgbackrest-info", 0, BLIND), "not-permitted"),
        (Tool::PgBackRest, site().command("pgbackrest-info", 0, INFO.replace(OWN, "7")), "not-available"),
        (
            Tool::PgBackRest,
            site().refused_file(STANZA, CauseKind::NotPermitted, "no permission"),
            "not-permitted",
        ),
        (Tool::Other, site().refused_file(STANZA, CauseKind::NotPermitted, "no permission"), "not-permitted"),
        (Tool::Barman, site(), "not-available"),
        (Tool::WalG, site(), "not-available"),
    ] {
        let told = told(site, &cluster(Some(archives_with)));
        let cause = &told["backup"]["tool"]["$unknown"];
        assert_eq!(cause["kind"], kind, "{archives_with:?}: {told:#?}");
        assert_eq!(told["backup"]["last_seconds_ago"]["$unknown"]["kind"], kind);
        assert!(archives_with == Tool::Other || cause["remedy"].is_string(), "{cause}");
    }
}

#[test]
fn restores_come_from_the_log_and_from_records() {
    let log = "2026-11-20 06:34:36.807 P00   INFO: restore command begin 2.45: --stanza=main\n\
               2026-11-20 06:34:41.558 P00   INFO: restore command end: completed successfully (4758ms)\n";
    let records = "[[restore]]\nat = 2026-11-21T02:00:00Z\nsucceeded = false\nnote = \"no space\"\n\
                   [[restore]]\nat = 2026-11-21T04:00:00+01:00\nsucceeded = true\n";
    let path = "/var/spool/goodstead/restores/main.toml";
    let of = |site: FakeSite| {
        told(site.file(STANZA, BACKUP_INFO), &cluster(Some(Tool::PgBackRest)))["restores"].clone()
    };
    let found = of(site().file("/var/log/pgbackrest/main-restore.log", log).file(path, records));
    let found: Vec<_> = found.as_array().unwrap().iter().map(|it| (&it["at"], &it["succeeded"])).collect();
    assert_eq!(
        found,
        [
            (&json!("2026-11-20T06:34:36Z"), &json!(true)),
            (&json!("2026-11-21T02:00:00Z"), &json!(false)),
            (&json!("2026-11-21T03:00:00Z"), &json!(true)),
        ]
    );
    // A clock that is ahead, or a log in local time.
    let ahead = of(site().file(path, "[[restore]]\nat = 2026-11-22T14:00:00Z\nsucceeded = true\n"));
    assert_eq!(ahead[0]["seconds_ago"], 0);
    for bad in ["[[restore]]\nat = 2026-11-21\nsucceeded = true\n", "[[restore]]\nat = yesterday\n", "\u{0}"]
    {
        let partial = of(site().file(path, bad));
        assert!(partial["$cause"]["detail"].as_str().unwrap().contains("main.toml"), "{partial}");
    }
}

#[test]
fn without_a_running_server_there_is_no_now_and_the_control_file_says_who_it_is() {
    let data = "/var/lib/postgresql/15/main";
    let identity: u64 = OWN.parse().unwrap();
    let mut site = site()
        .file(&format!("{data}/global/pg_control"), [&identity.to_ne_bytes()[..], &[0; 100]].concat())
        .file(STANZA, BACKUP_INFO);
    let conf = "archive_mode = on\narchive_command = 'pgbackrest --stanza=main archive-push %p'\n";
    let path = "/etc/postgresql/15/main/postgresql.conf";
    site = site.file(path, conf);
    let written = crate::files::read(&mut site, path, Some(data)).unwrap();
    let down = not_running();
    let cluster = Cluster::from_files(&mut site, &down, Some(&written), Some(data));
    let told = told(site, &cluster);
    let backup = &told["backup"];
    assert_eq!((&backup["tool"], &backup["archives_with"]), (&json!("pgBackRest"), &json!("pgBackRest")));
    assert_eq!(backup["last"], "2026-11-22T06:34:33Z");
    assert_eq!(backup["last_seconds_ago"]["$unknown"]["kind"], "not-available");
    assert_eq!(backup["server_seconds_ago"]["$unknown"]["kind"], "not-available");

    let nobody = Cluster::from_files(&mut FakeSite::new(), &down, None, None);
    assert_eq!(self::told(FakeSite::new(), &nobody)["backup"]["tool"]["$unknown"]["kind"], "not-available");
}

#[test]
fn what_archives_is_known_by_its_command() {
    let by = |mode: &str, command: &str, library: &str| {
        Tool::that_archives(Some(mode), Some(command), Some(library))
    };
    assert_eq!(by("on", "/usr/bin/pgbackrest --stanza=main archive-push %p", ""), Some(Tool::PgBackRest));
    assert_eq!(by("always", "barman-wal-archive backup.example.test main %p", ""), Some(Tool::Barman));
    assert_eq!(by("on", "rsync -a %p barman@backup.example.test:main/incoming/%f", ""), Some(Tool::Barman));
    assert_eq!(by("on", "envdir /etc/wal-g.d/env wal-g wal-push %p", ""), Some(Tool::WalG));
    assert_eq!(by("on", "cp %p /mnt/archive/%f", ""), Some(Tool::Other));
    assert_eq!(by("on", "", "basic_archive"), Some(Tool::Other));
    for (mode, command) in [("off", "pgbackrest archive-push %p"), ("on", ""), ("on", "(disabled)")] {
        assert_eq!(by(mode, command, ""), None);
    }
    assert_eq!(Tool::that_archives(None, None, None), None);
}

#[test]
fn what_is_asked_for_is_no_backup_and_no_configuration() {
    let permissions = manifest(include_str!("../../plugin.toml")).permissions;
    for path in [
        "/etc/pgbackrest.conf",
        "/etc/pgbackrest/pgbackrest.conf",
        "/etc/barman.conf",
        "/etc/wal-g.d/env/WALE_S3_PREFIX",
        "/var/lib/postgresql/.pgpass",
        "/var/lib/pgbackrest/backup/main/20261122-063426F/pg_data/PG_VERSION.gz",
        "/var/lib/pgbackrest/archive/main/archive.info",
        "/var/lib/barman/main/base/20261122T063726/data/PG_VERSION",
    ] {
        let mut site = self::site().file(path, "secret");
        let refused = goodstead_plugin::SiteExt::read(&mut site, path).unwrap_err();
        assert_eq!(refused.kind, CauseKind::NotDeclared, "{path}");
    }
    let commands: Vec<_> =
        permissions.run.values().map(|run| (run.program.as_str(), &run.arguments)).collect();
    assert_eq!(commands, [("/usr/bin/pgbackrest", &vec!["info".to_owned(), "--output=json".to_owned()])]);
}

#[test]
fn catalogues_of_anything_are_read_without_a_complaint() {
    let barman = barman(22, "DONE");
    let samples = [INFO, WAL_G, BACKUP_INFO, &barman];
    let read = |content: &[u8]| {
        let text = String::from_utf8_lossy(content);
        let found = [
            pgbackrest::from_json(content).unwrap_or_default(),
            walg::from_json(content).unwrap_or_default(),
            pgbackrest::from_info("main", &text).unwrap_or_default(),
            barman::from_info("main", &text).into_iter().collect(),
        ];
        for catalogue in found.iter().flatten() {
            catalogued(catalogue, &cluster(None));
        }
        found.concat().len()
    };
    for sample in samples {
        assert!(read(sample.as_bytes()) > 0);
        for end in 0..sample.len() {
            let (before, after) = sample.as_bytes().split_at(end);
            read(before);
            read(&[before, b"\xff\x00\n", after].concat());
        }
        // Numbers far outside of history.
        for number in
            ["-9223372036854775808", "9223372036854775807", "99999999999999999999", "null", "{}", "1e400"]
        {
            read(sample.replace("1795329276", number).replace("1795329273", number).as_bytes());
        }
    }
    for word in ["", "[]", "{}", "null", "[[]]", "[1]", &"[".repeat(100_000), "\u{feff}[]"] {
        assert_eq!(read(word.as_bytes()), 0);
    }
}
