//! Real servers that are there and let nobody in: full, shutting down, starting, or too slow for words.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::Server;
use crate::{cause, facts, target};

fn cause_of(server: &Server) -> (String, String) {
    cause(&facts(&target(), server.connect().into()))
}

/// Waits until the server gives this reason.
fn until(server: &Server, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (kind, text) = cause_of(server);
        if kind == "not-available" && text.contains(words) {
            return;
        }
        assert!(Instant::now() < deadline, "{kind}: {text}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_server_that_is_full_and_then_stops_says_so() {
    let server = Server::start(&["ALTER SYSTEM SET max_connections = 5"]);
    server.restart();
    // Three of the five are for superusers.
    let mut held = [server.session("postgres"), server.session("postgres")];
    for session in &mut held {
        session.say("SELECT 'here';");
        session.wait_for("here");
    }
    until(&server, "no connection left");
    // It waits for those who are there.
    let stop = ["-D", &server.data(), "-m", "smart", "--no-wait", "stop"];
    assert!(server.command("pg_ctl").args(stop).output().unwrap().status.success());
    until(&server, "starting up, shutting down or recovering");
    drop(server);
    drop(held);
}

#[test]
fn a_server_that_does_not_get_ready_says_so() {
    let server = Server::start(&["ALTER SYSTEM SET hot_standby = off"]);
    let signal = format!("{}/standby.signal", server.data());
    fs::write(&signal, "").unwrap();
    server.give(&signal);
    server.restart();
    until(&server, "starting up, shutting down or recovering");
}

#[test]
fn a_server_that_stands_still_costs_the_time_of_a_login() {
    let server = Server::start(&[]);
    let file = fs::read_to_string(format!("{}/postmaster.pid", server.data())).unwrap();
    let postmaster = file.lines().next().and_then(|line| Pid::from_raw(line.parse().ok()?)).unwrap();
    kill_process(postmaster, Signal::STOP).unwrap();
    let (kind, text) = cause_of(&server);
    kill_process(postmaster, Signal::CONT).unwrap();
    assert_eq!((kind.as_str(), text.as_str()), ("timed-out", "the login took longer than 3 s ()"));
}
