//! Who follows a server without replaying anything.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::Server;
use crate::{facts, target};

/// `pg_receivewal`, which ends with the value.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_receives_the_log_alone_has_no_lag() {
    let server = Server::start(&[]);
    let folder = format!("{}/received", server.folder());
    std::fs::create_dir(&folder).unwrap();
    server.give(&folder);
    let dsn = format!("host={} port={} user=postgres application_name=vault", server.folder(), server.port);
    let mut command = server.command("pg_receivewal");
    command.args(["--no-sync", "-D", &folder, "-d", &dsn]).stdout(Stdio::null()).stderr(Stdio::null());
    let _receiver = Receiver(command.spawn().unwrap());
    server.sql(&["CREATE TABLE t AS SELECT generate_series(1, 20000) AS n", "SELECT pg_switch_wal()"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    let follower = loop {
        let facts = facts(&target(), server.connect().into());
        assert_eq!(facts["sync"]["connected"], 0);
        match &facts["replicas"][0] {
            one if one["state"] == "streaming" => break one.clone(),
            one => assert!(Instant::now() < deadline, "{one}"),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    };
    assert_eq!(
        follower,
        json!({"name": "vault", "application": "vault", "state": "streaming", "sync_state": "async", "lag_seconds": 0.0})
    );
}
