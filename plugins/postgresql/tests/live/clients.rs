//! Who is connected to a real server.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::Server;
use crate::{facts, target};

/// A session of this role and program that sleeps until it is dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start(server: &Server, role: &str, program: &str) -> Sleeper {
        let dsn = format!(
            "host={} port={} user={role} dbname=postgres application_name={program}",
            server.folder(),
            server.port
        );
        let mut psql = Command::new("psql");
        psql.args(["-X", "-c", "SELECT pg_sleep(60)", &dsn]).stdout(Stdio::null()).stderr(Stdio::null());
        Sleeper(psql.spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn applications_superusers_and_monitoring_are_told_apart() {
    let server = Server::start(&["CREATE ROLE shop LOGIN", "CREATE ROLE watcher LOGIN IN ROLE pg_monitor"]);
    let alone = facts(&target(), server.connect().into());
    assert_eq!(alone["clients"]["applications"], 0, "{:#}", alone["clients"]);
    assert_eq!(alone["clients"]["ordinary_share"]["$unknown"]["kind"], "not-available");
    assert_eq!(alone["subscriptions"], json!({"enabled": 0, "running": 0}));

    // The administrator's own psql is no application.
    let programs = [
        ("shop", "web"),
        ("shop", "jobs"),
        ("postgres", "legacy"),
        ("postgres", "psql"),
        ("watcher", "metrics"),
    ];
    let _sleepers = programs.map(|(role, program)| Sleeper::start(&server, role, program));
    let deadline = Instant::now() + Duration::from_secs(30);
    let expected = json!({"applications": 2, "superusers": 1, "monitoring": 1, "ordinary_share": 2.0 / 3.0});
    loop {
        let clients = facts(&target(), server.connect().into())["clients"].clone();
        if clients == expected {
            break;
        }
        assert!(Instant::now() < deadline, "{clients:#}");
        std::thread::park_timeout(Duration::from_millis(100));
    }

    // Who may not see the others does not take them for nobody.
    let plain = goodstead_plugin::Target { user: Some("shop".to_owned()), ..target() };
    let clients = facts(&plain, server.connect().into())["clients"].clone();
    assert_eq!(clients["applications"]["$unknown"]["kind"], "not-permitted", "{clients:#}");
}
