//! `cargo xtask demo`: the whole way from plugin to desk, with everything it needs in a temporary folder.
//!
//! Where PostgreSQL's programs are installed, the demo starts a server of its own with dangerous settings, so that the
//! first thing a newcomer sees is a real finding, whatever runs on the machine.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use goodstead_tests::postgres::Postgres;
use serde_json::Value as Json;

use crate::stage::stage;
use crate::succeed;

/// The customer of the demo.
const CUSTOMER: &str = "Example Databases GmbH";

/// The settings of the demo's PostgreSQL: what a bulk load left behind, and an archive that does not work.
const PLANTED: &str = "fsync = off\narchive_mode = on\narchive_command = 'false'";

/// Runs the demo; with `exit` it ends after the delivery.
pub(crate) fn run(exit: bool) -> Result<()> {
    let bin = stage("dev")?.join("bin");
    let folder = tempfile::Builder::new().prefix("goodstead-demo-").tempdir()?;
    // Held to the end: the server stops with it.
    let mut server = start_server();
    let (mut desk, url, token) = start_desk(&bin, folder.path())?;
    let mut outcome = walk(&bin, folder.path(), &url, &token, server.as_ref());
    if let Some(server) = server.as_mut().filter(|_| outcome.is_ok()) {
        outcome = stopped(&bin, folder.path(), server);
    }
    if outcome.is_ok() && !exit {
        println!("\nThe desk stays at {url} until Ctrl-C.");
        wait_for_ctrl_c()?;
    }
    // The desk is this program's child and ends with it, whatever happened.
    let _ = desk.kill();
    desk.wait()?;
    outcome
}

/// Starts the demo's PostgreSQL, or explains why there is none.
fn start_server() -> Option<Postgres> {
    if !Postgres::is_installed() {
        println!(
            "PostgreSQL's programs are not installed, so the demo checks this host alone. Install the package \
             `postgresql` to see it check a PostgreSQL with planted faults.\n"
        );
        return None;
    }
    println!("== Starting a PostgreSQL with planted faults: {}", PLANTED.replace('\n', ", "));
    let server = Postgres::start(PLANTED);
    println!("It listens at {} and stops with the demo.\n", server.address());
    Some(server)
}

fn walk(bin: &Path, folder: &Path, url: &str, token: &str, server: Option<&Postgres>) -> Result<()> {
    let token_file = folder.join("token");
    std::fs::write(&token_file, token)?;
    let agent = |arguments: &[&str]| {
        let mut command = Command::new(bin.join("goodstead"));
        command.arg("--config-dir").arg(folder.join("config")).arg("--state-dir").arg(folder.join("state"));
        command.args(arguments);
        command
    };
    println!("== Enrolling with the desk at {url}");
    succeed(agent(&["enroll", url, "--token-file"]).arg(&token_file))?;
    if let Some(server) = server {
        configure(bin, folder, server)?;
        // Tasks are counted from one scan to the next.
        agent(&["check", "--format", "json"]).output()?;
    }
    println!("\n== goodstead check");
    let status = agent(&["check"]).status()?;
    // Findings are a result, not a failure of the demo.
    ensure!(matches!(status.code(), Some(0 | 1)), "goodstead check ended with {status}");
    let shown = agent(&["report", "show", "--format", "json"]).output()?;
    let report: Json = serde_json::from_slice(&shown.stdout).context("the kept report is no JSON")?;
    println!("\n== goodstead report send");
    succeed(&mut agent(&["report", "send"]))?;
    let id = report.get("id").and_then(Json::as_str).unwrap_or_default();
    println!("\nThe desk shows it at {url}/ and {url}/reports/{id}");
    Ok(())
}

/// Stops the server and checks what is left of it: its files, laid out as Debian has them in a snapshot of a host.
fn stopped(bin: &Path, folder: &Path, server: &mut Postgres) -> Result<()> {
    let (major, data) = (server.major(), server.data());
    server.down();
    let root = folder.join("snapshot");
    let configuration = root.join(format!("etc/postgresql/{major}/orders"));
    let cluster = root.join(format!("var/lib/postgresql/{major}/orders"));
    for made in [&configuration, &cluster.join("global"), &root.join("usr/lib")] {
        std::fs::create_dir_all(made)?;
    }
    std::fs::copy("/etc/os-release", root.join("usr/lib/os-release"))?;
    for kept in ["PG_VERSION", "postgresql.auto.conf", "global/pg_control"] {
        std::fs::copy(data.join(kept), cluster.join(kept))?;
    }
    for moved in ["pg_hba.conf", "pg_ident.conf"] {
        std::fs::copy(data.join(moved), configuration.join(moved))?;
    }
    let settings = std::fs::read_to_string(data.join("postgresql.conf"))?;
    let place = format!("data_directory = '/var/lib/postgresql/{major}/orders'\n");
    std::fs::write(configuration.join("postgresql.conf"), settings + &place)?;
    println!(
        "\n== The server is stopped. The same faults in its files: goodstead check postgresql --root SNAPSHOT"
    );
    let mut command = Command::new(bin.join("goodstead"));
    command.arg("--config-dir").arg(folder.join("elsewhere")).arg("--state-dir").arg(folder.join("state"));
    command.args(["check", "postgresql", "--quiet", "--root"]).arg(&root);
    let shown = command.output()?;
    let text = String::from_utf8_lossy(&shown.stdout);
    print!("{text}");
    ensure!(shown.status.code() == Some(1), "goodstead check --root ended with {}", shown.status);
    ensure!(
        text.contains("postgresql.fsync-off"),
        "fsync = off is not found in the files of a stopped server"
    );
    Ok(())
}

/// Names the server in `agent.toml` as the deployment of the example entitlement, lets the agent in as
/// `goodstead grant` would, and puts the entitlement in place.
fn configure(bin: &Path, folder: &Path, server: &Postgres) -> Result<()> {
    let config = folder.join("config");
    std::fs::create_dir_all(&config)?;
    server.let_reader_in();
    std::fs::write(config.join("agent.toml"), server.target_named("orders", "deployment = \"orders\"\n"))?;
    let examples = bin.with_file_name("share/goodstead/examples");
    for file in ["entitlement.toml", "entitlement.toml.minisig"] {
        std::fs::copy(examples.join(file), config.join(file))?;
    }
    Ok(())
}

/// Starts the desk on a free port; returns it with its address and a one-time token.
fn start_desk(bin: &Path, folder: &Path) -> Result<(Child, String, String)> {
    let database: PathBuf = folder.join("desk.db");
    let mut desk = Command::new(bin.join("goodstead-desk"))
        .args(["serve", "--listen", "127.0.0.1:0", "--token-for", CUSTOMER, "--database"])
        .arg(&database)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the desk")?;
    let output = desk.stdout.take().context("the desk has no output")?;
    let (mut url, mut token) = (None, None);
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix("Goodstead desk listening on ") {
            url = Some(rest.trim().to_owned());
        }
        if line.starts_with("Enrolment token") {
            token = line.rsplit(' ').next().map(str::to_owned);
        }
        if let (Some(url), Some(token)) = (&url, &token) {
            return Ok((desk, url.clone(), token.clone()));
        }
    }
    let status = desk.wait()?;
    anyhow::bail!("the desk ended before it listened: {status}")
}

fn wait_for_ctrl_c() -> Result<()> {
    let (sender, receiver) = std::sync::mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })?;
    receiver.recv()?;
    Ok(())
}
