//! Faults that lie between a PostgreSQL server and its host: found on a real one, mended as printed, gone. Each has mounts
//! of its own, which the server and the agent share and nobody else on the machine meets.

use std::path::Path;
use std::process::Command;

use goodstead_tests::certificate;
use goodstead_tests::mounts::with_own_mounts;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::scene::{Scene, steps};
use rustix::mount::{MountFlags, mount};

const RELOAD: &str = "SELECT pg_reload_conf()";

/// Mounts an empty file system in memory.
fn in_memory(folder: &str, options: Option<&std::ffi::CStr>) {
    mount("none", folder, "tmpfs", MountFlags::empty(), options).unwrap();
}

/// Runs the one step of a remedy that begins so, with the address of this host in it, and returns what it prints.
fn run(remedy: &str, beginning: &str) -> String {
    let step = steps(remedy).into_iter().find(|step| step.starts_with(beginning));
    let step = step.unwrap_or_else(|| panic!("no step begins with {beginning}: {remedy}"));
    let done = Command::new("sh").args(["-c", &step.replace("HOST", "127.0.0.1")]).output().unwrap();
    assert!(done.status.success(), "{step}: {done:?}");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// The last day of the certificate in a file, as `openssl` puts it.
fn end_of(file: &Path) -> String {
    let read =
        Command::new("openssl").args(["x509", "-noout", "-enddate", "-in"]).arg(file).output().unwrap();
    String::from_utf8_lossy(&read.stdout).trim().to_owned()
}

#[test]
fn a_certificate_is_renewed_in_time_and_loaded() {
    with_own_mounts(|| {
        const FINDING: &str = "tls-certificate-expiring";
        const SHOWN: &str = "openssl s_client";
        in_memory("/etc/ssl/certs", None);
        let file = Path::new("/etc/ssl/certs/db.example.test.pem");
        let scene = Scene::of(Postgres::start("listen_addresses = '*'"));
        let key = scene.postgres.data().join("server.key");
        certificate::make(&key, file, 10);
        let first = end_of(file);
        scene.postgres.sql("ALTER SYSTEM SET ssl = on");
        scene.postgres.sql(&format!("ALTER SYSTEM SET ssl_cert_file = '{}'", file.display()));
        scene.postgres.reload();
        let remedy = scene.look().remedy(FINDING);
        assert!(remedy.contains(&format!("in {} is valid", file.display())), "{remedy}");
        assert_eq!(run(&remedy, SHOWN), first);

        // The file is new, and nobody told the server. What it read, it read in an earlier second than this one.
        scene.postgres.until("SELECT clock_timestamp() > pg_conf_load_time() + '1s'", |is| is == "t");
        certificate::make(&key, file, 365);
        let second = end_of(file);
        assert_ne!(first, second);
        let remedy = scene.look().remedy(FINDING);
        assert_eq!(run(&remedy, SHOWN), first);
        scene.carry_out(&remedy, &[RELOAD]);
        assert_eq!(run(&remedy, SHOWN), second);
        scene.look().is_clear(FINDING);
    });
}

#[test]
fn parallel_queries_get_the_shared_memory_that_they_may_take() {
    with_own_mounts(|| {
        const FINDING: &str = "shared-memory-too-small";
        // As much as a container has if nobody says otherwise. From here on /dev/shm is this one.
        in_memory("/dev/shm", Some(c"size=64m"));
        let mut scene = Scene::of(Postgres::start(
            "work_mem = 64MB\nhash_mem_multiplier = 2\nparallel_setup_cost = 0\nparallel_tuple_cost = 0",
        ));
        scene.postgres.sql(
            "CREATE UNLOGGED TABLE t AS SELECT n, repeat('x', 300) AS text FROM generate_series(1, 300000) n; ANALYZE t",
        );
        // What the vacuum of a table sets aside goes by its pages, here with a row each.
        scene.postgres.sql(
            "CREATE UNLOGGED TABLE sparse WITH (fillfactor = 10) AS \
             SELECT n, n AS again, repeat('x', 700) AS text FROM generate_series(1, 40000) n; \
             CREATE INDEX ON sparse (n); CREATE INDEX ON sparse (again)",
        );
        const QUERY: &str = "SELECT count(*) FROM t a JOIN t b USING (n) WHERE a.text <= b.text";
        let query = |scene: &Scene| scene.postgres.feed("postgres", QUERY);
        let vacuum = |scene: &Scene| scene.postgres.feed("postgres", "VACUUM sparse");

        // What is foretold happens.
        const SAID: &str = "could not resize shared memory segment";
        let remedy = scene.look().remedy(FINDING);
        let said = query(&scene).unwrap_err();
        assert!(said.contains(SAID), "{said}");
        let said = vacuum(&scene);
        let sets_aside = scene.postgres.major().parse::<u32>().unwrap() < 17;
        assert_eq!(said.as_ref().is_err_and(|said| said.contains(SAID)), sets_aside, "{said:?}");

        // What helps until then, and what helps for good.
        let until_then = ["max_parallel_workers_per_gather", "max_parallel_maintenance_workers"];
        let until_then = until_then.map(|name| format!("ALTER SYSTEM SET {name} = 0"));
        scene.carry_out(&remedy, &[&until_then[0], &until_then[1], RELOAD]);
        scene.look().is_clear(FINDING);
        assert_eq!(query(&scene).unwrap(), "300000");
        vacuum(&scene).unwrap();
        scene.postgres.sql("ALTER SYSTEM RESET ALL");
        scene.postgres.restart();
        run(&scene.look().remedy(FINDING), "mount -o remount");
        scene.look().is_clear(FINDING);
        assert_eq!(query(&scene).unwrap(), "300000");
        vacuum(&scene).unwrap();
    });
}
