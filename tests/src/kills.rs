//! Agent, sender and desk are killed at random points, while the disks of both sides fill up and empty. What counts at the
//! end: everything that was acknowledged is there, byte for byte and once, and nothing that waited to be sent vanished.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::desk::Desk;
use crate::http::try_ask;
use crate::mounts::Disk;
use crate::tree::Tree;

/// Room on a disk that is not full.
const PLENTY: u64 = 64 << 20;

/// How often the plain sender sends in a round.
const SENDS: usize = 3;

/// The plain sender sends more in minutes than a node in a day.
const OPTIONS: [&str; 2] = ["--node-reports-per-day", "1000000"];

/// What was done and what was found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How often something was killed: agent, sender, desk.
    pub kills: [u64; 3],
    /// How often a disk became full.
    pub filled: u64,
    /// Reports that the desk acknowledged to the agent or to the plain sender.
    pub acknowledged: usize,
    /// Of these, those that the desk does not have, or has with other bytes.
    pub lost: Vec<String>,
    /// Reports that the desk has more than once.
    pub doubled: u32,
    /// Reports that waited at the agent, and are neither there nor at the desk.
    pub vanished: Vec<String>,
    /// Requests that the desk refused because it could not keep them.
    pub refused: u64,
}

/// A generator of random numbers whose seed is printed, so that a run can be repeated as far as timing allows.
struct Random(u64);

impl Random {
    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}

struct Run<'a> {
    tree: &'a Tree,
    random: Random,
    database: PathBuf,
    desk_disk: Disk,
    agent_disk: Disk,
    state: PathBuf,
    address: String,
    desk: Option<Desk>,
    bearer: String,
    sample: String,
    /// What the plain sender was promised: the bytes by id.
    promised: BTreeMap<String, Vec<u8>>,
    /// What the agent was promised.
    delivered: BTreeSet<String>,
    /// What was seen waiting at the agent.
    waited: BTreeSet<String>,
    /// How long a check and a send take when nobody disturbs them.
    check_takes: Duration,
    send_takes: Duration,
    numbers: u64,
    outcome: Outcome,
}

/// Kills `kills` times. Call it within [`crate::mounts::with_own_mounts`].
pub fn run(kills: u64, seed: u64) -> Outcome {
    let tree = Tree::new();
    // One plugin is enough to make a whole report, and quicker.
    std::fs::remove_dir_all(tree.path("lib/goodstead/plugins/postgresql")).unwrap();
    std::fs::remove_dir_all(tree.path("share/goodstead/checks/postgresql")).unwrap();
    let [desk_folder, state] = ["desk-disk", "state"].map(|name| tree.scratch(name));
    for folder in [&desk_folder, &state] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let desk_disk = Disk::mount(&desk_folder, PLENTY);
    let agent_disk = Disk::mount(&state, PLENTY);
    let database = desk_folder.join("desk.db");
    let desk = Desk::start_with(&tree, &database, &OPTIONS);
    let bearer = desk.node();
    let sample =
        std::fs::read_to_string(crate::checkout().join("agent/model/samples/report-2.json")).unwrap();
    let mut run = Run {
        random: Random(seed | 1),
        address: desk.address().to_owned(),
        desk: Some(desk),
        database,
        desk_disk,
        agent_disk,
        state,
        bearer,
        sample,
        promised: BTreeMap::new(),
        delivered: BTreeSet::new(),
        waited: BTreeSet::new(),
        check_takes: Duration::ZERO,
        send_takes: Duration::ZERO,
        numbers: 0,
        outcome: Outcome::default(),
        tree: &tree,
    };
    run.enrol();
    for round in 0..kills {
        run.weather();
        match run.random.below(3) {
            0 => run.kill_the_agent(),
            1 => run.kill_the_sender(),
            _ => run.kill_the_desk(),
        }
        run.note_what_waits();
        if round % 100 == 99 {
            let (kills, promised) = (round + 1, run.promised.len() + run.delivered.len());
            println!(
                "{kills} kills, {promised} acknowledged, {} refused for want of room",
                run.outcome.refused
            );
        }
    }
    run.settle()
}

impl Run<'_> {
    fn enrol(&mut self) {
        let token = Command::new(self.tree.path("bin/goodstead-desk"))
            .args(["token", "--customer", "Example Databases GmbH", "--database"])
            .arg(&self.database)
            .output()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap();
        let url = format!("http://{}", self.address);
        let run = self.tree.run(&["enroll", &url, "--token", token.trim()]);
        assert_eq!(run.code, 0, "{run:?}");
        let begun = Instant::now();
        let run = self.tree.run(&["check", "--fail-on", "never", "--format", "json"]);
        assert_eq!(run.code, 0, "{run:?}");
        self.check_takes = begun.elapsed();
        let begun = Instant::now();
        self.send();
        self.send_takes = begun.elapsed();
    }

    /// One disk becomes full, nearly full or empty, or stays as it is.
    fn weather(&mut self) {
        let room = match self.random.below(6) {
            0 => self.random.below(64 << 10),
            1 => self.random.below(512 << 10),
            2 | 3 => PLENTY,
            _ => return,
        };
        self.outcome.filled += u64::from(room < PLENTY);
        // The desk's twice as often: it is what promises.
        if self.random.below(3) == 0 { self.agent_disk.leave(room) } else { self.desk_disk.leave(room) }
    }

    fn kill_the_agent(&mut self) {
        let child = self.start(&["check", "--fail-on", "never", "--format", "json"]);
        let moment = self.moment(self.check_takes);
        kill_after(child, moment);
        self.outcome.kills[0] += 1;
        self.send_plainly(SENDS);
        // Every now and then somebody is left in peace, so that there is something to send.
        if self.random.below(2) == 0 {
            self.tree.run(&["check", "--fail-on", "never", "--format", "json"]);
            self.send();
        }
    }

    fn kill_the_sender(&mut self) {
        let child = self.start(&["report", "send"]);
        let moment = self.moment(self.send_takes);
        let said = kill_after(child, moment);
        self.note_deliveries(&said);
        self.outcome.kills[1] += 1;
        self.send_plainly(SENDS);
    }

    fn kill_the_desk(&mut self) {
        let sending = self.start(&["report", "send"]);
        let moment = self.moment(self.send_takes * 2);
        let mut desk = self.desk.take().expect("a desk");
        // The plain sender is in the middle of it when the desk goes.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let_pass(moment);
                desk.kill();
            });
            self.send_plainly(SENDS * 4);
        });
        self.outcome.kills[2] += 1;
        let output = sending.wait_with_output().expect("the sender ends");
        self.note_deliveries(&String::from_utf8_lossy(&output.stdout));
        self.start_the_desk();
    }

    fn start_the_desk(&mut self) {
        // On a full disk it may not even start; an operator makes room then.
        for _ in 0..2 {
            self.desk = Desk::start_again(self.tree, &self.database, &self.address, &OPTIONS);
            if self.desk.is_some() {
                return;
            }
            self.desk_disk.leave(PLENTY);
        }
        panic!("the desk does not start");
    }

    /// A moment within `span`, or a little behind it.
    fn moment(&mut self, span: Duration) -> Duration {
        Duration::from_micros(self.random.below(span.as_micros() as u64 * 11 / 10))
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.tree.goodstead(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Lets the agent send in peace.
    fn send(&mut self) {
        let run = self.tree.run(&["report", "send"]);
        self.note_deliveries(&run.stdout);
    }

    /// Whole lines only: what was cut off by the kill was not said.
    fn note_deliveries(&mut self, said: &str) {
        for line in said.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let id = line.strip_prefix("delivered ").and_then(|rest| rest.split(' ').next());
            self.delivered.extend(id.map(str::to_owned));
        }
    }

    /// Reports of many sizes from somebody who keeps no spool and counts answers.
    fn send_plainly(&mut self, times: usize) {
        for _ in 0..times {
            self.numbers += 1;
            let id = format!("{:016x}{:016x}", self.numbers, self.random.below(u64::MAX));
            let known: serde_json::Value = serde_json::from_str(&self.sample).unwrap();
            let body = self.sample.replace(known["id"].as_str().unwrap(), &id);
            let mut body = body.into_bytes();
            body.resize(body.len() + self.random.below(48 << 10) as usize, b' ');
            match try_ask(&self.address, "POST", "/api/v1/reports", Some(&self.bearer), &body) {
                Ok((200 | 201, _)) => drop(self.promised.insert(id, body)),
                Ok((503, _)) => self.outcome.refused += 1,
                Ok((status, answer)) => {
                    panic!("the desk answers {status}: {}", String::from_utf8_lossy(&answer))
                }
                // It was killed.
                Err(_) => return,
            }
        }
    }

    /// Remembers what is in the spool now that nobody sends.
    fn note_what_waits(&mut self) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let Ok(state) = Connection::open_with_flags(self.state.join("state.db"), flags) else { return };
        // A disk that is full may keep an unfinished change from being rolled back; the next round looks again.
        self.waited.extend(column(&state, "SELECT report FROM spool").unwrap_or_default());
    }

    /// With room on both disks everything that waits is sent, and both sides are compared.
    fn settle(mut self) -> Outcome {
        self.desk_disk.leave(PLENTY);
        self.agent_disk.leave(PLENTY);
        self.note_what_waits();
        let run = self.tree.run(&["report", "send"]);
        self.note_deliveries(&run.stdout);
        assert_eq!(run.code, 0, "with room on both sides everything is delivered: {run:?}");
        let (status, health) = self.desk.as_ref().expect("a desk").get("/health");
        assert_eq!((status, health.as_str()), (200, "ok"));
        self.desk.take().expect("a desk").kill();

        let desk = Connection::open(&self.database).unwrap();
        let sound: String = desk.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        let kept: BTreeSet<String> = column(&desk, "SELECT id FROM reports").unwrap().into_iter().collect();
        let state = Connection::open(self.state.join("state.db")).unwrap();
        let elsewhere =
            column(&state, "SELECT report FROM spool UNION SELECT report FROM set_aside").unwrap();
        let mut outcome = self.outcome;
        outcome.acknowledged = self.promised.len() + self.delivered.len();
        outcome.lost.extend(self.delivered.difference(&kept).cloned());
        for (id, bytes) in &self.promised {
            let found = desk.query_row("SELECT body FROM reports WHERE id = ?1", [id], |row| row.get(0));
            if found.ok().as_ref() != Some(bytes) {
                outcome.lost.push(id.clone());
            }
        }
        let waited = self.waited.into_iter();
        outcome.vanished.extend(waited.filter(|id| !kept.contains(id) && !elsewhere.contains(id)));
        outcome.doubled = desk
            .query_row("SELECT count(*) - count(DISTINCT hash) FROM reports", [], |row| row.get(0))
            .unwrap();
        outcome
    }
}

#[expect(clippy::disallowed_methods, reason = "a random moment is what is tried; nothing is waited for")]
fn let_pass(moment: Duration) {
    std::thread::sleep(moment);
}

/// What it wrote until then.
fn kill_after(mut child: Child, moment: Duration) -> String {
    let_pass(moment);
    let _ = child.kill();
    let mut said = Vec::new();
    child.stdout.take().expect("its output").read_to_end(&mut said).expect("what it said");
    child.wait().expect("its end");
    String::from_utf8_lossy(&said).into_owned()
}

fn column(database: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    database.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}

/// The tables that the desk keeps reports in, for whoever wants to look at them.
pub fn reports_in(database: &Path) -> u32 {
    let desk = Connection::open(database).unwrap();
    desk.query_row("SELECT count(*) FROM reports", [], |row| row.get(0)).unwrap()
}
