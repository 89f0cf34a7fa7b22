//! What looking into a PostgreSQL costs, as ratios of one run: beside a bare client that makes the same statements over
//! one connection a database (those that the plugin made a moment before, so it need not think of any), and reads no
//! file. Process start is included everywhere. Fails when a ratio is above [`MOST`].
//!
//! `cargo xtask stage --profile dist && cargo bench --package goodstead-tests --bench postgresql`

mod direct;

use std::fs;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use goodstead_plugin::{Address, Answer, Cause, CauseKind, Granted, Plugin, Request, Site, Target};
use goodstead_postgresql::PostgreSql;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::Tree;
use goodstead_tests::turns;
use serde_json::{Value as Json, json};

use direct::Direct;

/// How often each is run.
const RUNS: usize = 60;

/// The most that a look may cost beside the bare client.
const MOST: f64 = 2.0;

/// The role that looks.
const READER: &str = "reader";

/// A database with something to ask about.
const SHOP: &str = "CREATE EXTENSION hstore;
  CREATE TABLE customers (id int PRIMARY KEY, name text);
  CREATE TABLE orders (id bigserial PRIMARY KEY, customer int REFERENCES customers, day date);
  CREATE INDEX ON orders (customer);
  CREATE PUBLICATION all_of_it FOR ALL TABLES;";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // The bench runs itself for the ways without a guard, so that process start counts for them as well.
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "bare", list] => bare(list),
        [_, "plugin", socket] => _ = look(socket, None),
        _ => compare(),
    }
}

fn compare() {
    let postgres = Postgres::start("");
    postgres.sql(&format!("CREATE ROLE {READER} LOGIN; GRANT pg_monitor TO {READER}"));
    postgres.sql("CREATE DATABASE shop");
    postgres.sql_in("shop", SHOP);
    fs::write(postgres.data().join("pg_hba.conf"), "local all all trust\n").unwrap();
    postgres.reload();
    let tree = Tree::new();
    tree.configure(&postgres.target(&format!("user = \"{READER}\"\n")));
    let address = postgres.address();
    let socket = address.strip_prefix("unix:").unwrap();
    let tape = Tape::default();
    let facts = look(socket, Some(&tape));
    assert!(facts.to_string().contains("\"shop\""), "{facts}");
    let statements = tape.told(socket);
    let list = tree.scratch("statements");
    fs::write(&list, statements.to_string()).unwrap();

    let itself = std::env::current_exe().unwrap();
    let run = |arguments: [&str; 2]| {
        let mut command = Command::new(&itself);
        command.args(arguments);
        command
    };
    let ways: [turns::Way<'_>; 3] = [
        ("the same statements by a bare client", &|| run(["bare", list.to_str().unwrap()])),
        ("the plugin unguarded in one process", &|| run(["plugin", socket])),
        ("goodstead check postgresql:test", &|| {
            tree.goodstead(&["check", "postgresql:test", "--format", "json", "--fail-on", "never"])
        }),
    ];
    let medians = turns::medians(&ways, RUNS);
    let each = |session: &Json| session["statements"].as_array().unwrap().len();
    let sessions = statements["sessions"].as_array().unwrap();
    let statements: usize = sessions.iter().map(each).sum();
    println!("{statements} statements in {} sessions", sessions.len());
    turns::print(&ways, &medians);
    let worst = medians.iter().map(|median| median / medians[0]).fold(0.0, f64::max);
    assert!(worst <= MOST, "{worst:.2} x is above {MOST} x");
}

/// The floor: what any client pays that wants these answers.
fn bare(list: &str) {
    let list: Json = serde_json::from_str(&fs::read_to_string(list).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        for session in list["sessions"].as_array().unwrap() {
            let stream = tokio::net::UnixStream::connect(list["socket"].as_str().unwrap()).await.unwrap();
            let mut config = tokio_postgres::Config::new();
            config.user(READER).dbname(session["database"].as_str().unwrap());
            config.options(session["options"].as_str().unwrap());
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect_raw(stream, tokio_postgres::NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            for statement in session["statements"].as_array().unwrap() {
                black_box(client.simple_query(statement.as_str().unwrap()).await.unwrap());
            }
            drop(client);
            connection.await.unwrap().unwrap();
        }
    });
}

/// The plugin's facts.
fn look(socket: &str, tape: Option<&Tape>) -> Json {
    let target = Target { address: Some(Address::Unix(socket.to_owned())), ..Target::default() };
    PostgreSql.gather(&target, &mut Unguarded { tape }).unwrap().to_json()
}

/// A site that connects to whatever it is asked to.
struct Unguarded<'a> {
    tape: Option<&'a Tape>,
}

impl Site for Unguarded<'_> {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        let Request::Connect { address: Address::Unix(path) } = &request else { return Direct.ask(request) };
        let failed = |error: io::Error| Cause::new(CauseKind::NotAvailable, error.to_string());
        let mut stream = UnixStream::connect(path).map_err(failed)?;
        if let Some(tape) = self.tape {
            stream = tape.record(stream).map_err(failed)?;
        }
        let granted = Granted::Connect { user: READER.to_owned() };
        Ok(Answer { granted, data: Vec::new(), descriptor: Some(stream.into()) })
    }
}

/// What clients said to a server, session by session.
#[derive(Default)]
struct Tape {
    sessions: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
}

impl Tape {
    /// The client's end of a connection whose other end is `server`, with somebody who listens in between.
    fn record(&self, server: UnixStream) -> io::Result<UnixStream> {
        let (client, ours) = UnixStream::pair()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        self.sessions.lock().unwrap().push(Arc::clone(&said));
        let (mut to_client, mut from_server) = (ours.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let (mut from_client, mut to_server) = (ours, server);
        thread::spawn(move || {
            let mut part = [0; 8192];
            while let Ok(length @ 1..) = from_client.read(&mut part) {
                said.lock().unwrap().extend(&part[..length]);
                if to_server.write_all(&part[..length]).is_err() {
                    break;
                }
            }
            let _ = to_server.shutdown(Shutdown::Both);
        });
        Ok(client)
    }

    /// What was said, for [`bare`].
    fn told(&self, socket: &str) -> Json {
        let sessions = self.sessions.lock().unwrap();
        let sessions: Vec<_> = sessions.iter().map(|said| session(&said.lock().unwrap())).collect();
        json!({"socket": socket, "sessions": sessions})
    }
}

/// A session as the protocol has it: a length, a version and pairs of text, then messages of a kind, a length and a
/// body. A statement is a message `Q`, ended by a zero.
fn session(said: &[u8]) -> Json {
    let length = |at: usize| u32::from_be_bytes(said[at..at + 4].try_into().unwrap()) as usize;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut at = length(0);
    let words: Vec<_> = said[8..at].split(|byte| *byte == 0).map(text).collect();
    let word = |name| words.iter().position(|word| word == name).map(|at| words[at + 1].clone());
    let mut statements = Vec::new();
    while at < said.len() {
        let end = at + 1 + length(at + 1);
        if said[at] == b'Q' {
            statements.push(text(&said[at + 5..end - 1]));
        }
        at = end;
    }
    json!({"database": word("database"), "options": word("options"), "statements": statements})
}
