//! `goodstead grant PRODUCT`: what lets the agent's user look into a product, printed, or with `--apply` carried out.
//!
//! The knowledge is the plugin's (`[grant]` in its manifest); this only fills in the names, creates the agent's own user
//! where there is none, becomes the product's owner, and tries whether it worked. Unless one socket is named, all of the
//! product's servers are granted, so that one command is enough. The access file is touched only where the grant alone
//! does not let the user in.

mod access_file;
mod sockets;

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anstyle::Style;
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use goodstead_protocol::manifest::Grant;
use goodstead_protocol::message::Address;

use super::{Exit, Installed, Outcome, configuration};
use crate::args;
use crate::config::Config;
use crate::installation::Installation;
use crate::render::{diagnostics, output};
use crate::trust::Standing;
use crate::users::{self, User};

const BOLD: Style = Style::new().bold();

/// How much of what a client prints is read, in bytes.
const MAX_PRINTED: u64 = 64 << 10;

/// How long a client may take: a grant is a few statements, and waits for locks at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether a client that has printed all has ended.
const TICK: Duration = Duration::from_millis(10);

/// Runs the command.
pub(crate) fn run(args: &args::Grant, installation: &Installation) -> Outcome {
    let (config, sound) = configuration(installation);
    if !sound && args.apply {
        return Err(Diagnostic::error(
            "broken-configuration",
            "nothing is granted while the configuration is broken",
        ));
    }
    let plugins = Installed::read(installation, &config)?.plugins;
    let names = || plugins.usable.iter().map(|plugin| plugin.manifest.name.as_str());
    let plugin =
        plugins.usable.iter().find(|plugin| plugin.manifest.name == args.product).ok_or_else(|| {
            Diagnostic::error("unknown-plugin", format!("no plugin `{}` is installed", args.product))
                .help("goodstead plugins list shows them all")
                .maybe_help(did_you_mean(&args.product, names()))
        })?;
    // What it names is carried out with the product owner's rights.
    if let Standing::Refused(refusal) = &plugin.standing {
        let message =
            format!("the plugin `{}` names no grant that can be trusted: {}", args.product, refusal.reason);
        return Err(Diagnostic::error("plugin-refused", message).help(refusal.remedy.clone()));
    }
    let grant = plugin.manifest.grant.as_ref().ok_or_else(|| {
        Diagnostic::error("nothing-to-grant", format!("`{}` needs nothing granted", args.product))
    })?;
    let user = user(&args.product, &config)?;
    let addresses = match &args.address {
        Some(address) => vec![address.clone()],
        None => sockets::of(&plugin.manifest, grant, &config),
    };
    let filled: Vec<_> = addresses
        .iter()
        .map(|address| Filled::new(grant, address, user.clone()))
        .collect::<Result<_, _>>()?;
    if args.apply { apply(&filled) } else { show(&filled, &args.product) }
}

/// Grants on each server, one after another; what one of them refuses does not keep the others from it.
fn apply(filled: &[Filled<'_>]) -> Outcome {
    let Some(first) = filled.first() else { return Ok(Exit::Fine) };
    let (owner, user) = first.prepare()?;
    let mut exit = Exit::Fine;
    for (number, one) in filled.iter().enumerate() {
        if filled.len() > 1 {
            let blank = if number == 0 { "" } else { "\n" };
            output::write(&format!("{blank}{BOLD}{}{BOLD:#}\n", one.address), None)?;
        }
        match one.apply(&owner, &user) {
            Ok(()) => {}
            Err(problem) if filled.len() == 1 => return Err(problem),
            Err(problem) => {
                diagnostics::print(&[problem]);
                exit = Exit::Trouble;
            }
        }
    }
    Ok(exit)
}

/// Prints what lets the user in, for those who do it by hand.
fn show(filled: &[Filled<'_>], product: &str) -> Outcome {
    let Some(first) = filled.first() else { return Ok(Exit::Fine) };
    let grant = first.grant;
    let mut text = format!("This grants `{}` {}.\n", first.user, grant.about);
    if users::by_name(&first.user).is_none() {
        text.push_str(&format!(
            "\n{BOLD}First, as root{BOLD:#}, since there is no such system user yet:\n\n    {}\n",
            users::create(&first.user).join(" ")
        ));
    }
    let commands: Vec<_> =
        filled.iter().map(|one| format!("{} {}", grant.program, one.arguments(&[]).join(" "))).collect();
    match commands.as_slice() {
        [command] => {
            text.push_str(&format!("\n{BOLD}As {}{BOLD:#}, feed this to `{command}`:\n\n", grant.owner));
        }
        commands => {
            text.push_str(&format!("\n{BOLD}As {}{BOLD:#}, feed this to each of:\n\n", grant.owner));
            for command in commands {
                text.push_str(&format!("    {command}\n"));
            }
            text.push_str("\nThe statements:\n\n");
        }
    }
    for line in first.text(&grant.input).trim().lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str(&format!(
        "\n{BOLD}Only if the user is still refused{BOLD:#}, put this line before the others of the access file, and \
         have it read again:\n\n    {}\n\nOr have all of it done: sudo goodstead grant {product} --apply\n",
        first.text(&grant.line)
    ));
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

/// The name of the system user that connects for this plugin.
fn user(plugin: &str, config: &Config) -> Result<String, Diagnostic> {
    let name = match config.connect_as(plugin) {
        Some(named) => named.to_owned(),
        None => users::acting_user(plugin, true, None)
            .map_or_else(|_| users::SERVICE_USER.to_owned(), |user| user.name),
    };
    // It is put between quotes into statements and files.
    if !users::is_plain(&name) {
        return Err(Diagnostic::error("odd-user", format!("`{name}` is not a plain user name"))
            .help("user names here are lower case letters, digits, `_` and `-`"));
    }
    Ok(name)
}

/// A grant with its names filled in.
struct Filled<'a> {
    grant: &'a Grant,
    address: Address,
    user: String,
    folder: String,
    suffix: String,
}

impl<'a> Filled<'a> {
    fn new(grant: &'a Grant, address: &Address, user: String) -> Result<Self, Diagnostic> {
        let Address::Unix(path) = address else {
            return Err(Diagnostic::error("no-socket", "a grant is made over the product's own socket")
                .help(format!("write it like {}", grant.address)));
        };
        let folder = Path::new(path).parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let suffix = path.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Filled { grant, address: address.clone(), user, folder, suffix })
    }

    fn text(&self, template: &str) -> String {
        template
            .replace("{user}", &self.user)
            .replace("{folder}", &self.folder)
            .replace("{suffix}", &self.suffix)
    }

    fn arguments(&self, further: &[String]) -> Vec<String> {
        self.grant.arguments.iter().chain(further).map(|argument| self.text(argument)).collect()
    }

    /// The product's owner, and the agent's user, whom root makes where there is none yet.
    fn prepare(&self) -> Result<(User, User), Diagnostic> {
        let owner = users::by_name(&self.grant.owner).ok_or_else(|| {
            Diagnostic::error(
                "no-owner",
                format!("there is no system user `{}`: is the product installed here?", self.grant.owner),
            )
        })?;
        let caller = users::current();
        if caller.uid != 0 && caller.uid != owner.uid {
            return Err(Diagnostic::error(
                "not-owner",
                format!("only root and `{}` can grant this", owner.name),
            )
            .help("run it with sudo"));
        }
        if let Some(user) = users::by_name(&self.user) {
            return Ok((owner, user));
        }
        let create = users::create(&self.user);
        let missing = |why: &str| {
            Diagnostic::error("no-user", format!("there is no system user `{}` yet{why}", self.user))
                .help(format!("as root: {}", create.join(" ")))
        };
        if caller.uid != 0 {
            return Err(missing(""));
        }
        let made = create.split_first().map(|(program, arguments)| {
            Command::new(Path::new("/usr/sbin").join(program)).args(arguments).env_clear().output()
        });
        match made {
            Some(Ok(output)) if output.status.success() => {}
            Some(Ok(output)) => {
                return Err(missing(&format!(", and useradd says: {}", said(&output.stderr))));
            }
            Some(Err(error)) => return Err(missing(&format!(", and useradd cannot be run: {error}"))),
            None => return Err(missing("")),
        }
        let user = users::by_name(&self.user).ok_or_else(|| missing(""))?;
        output::write(&format!("created the system user `{}`\n", user.name), None)?;
        Ok((owner, user))
    }

    fn apply(&self, owner: &User, user: &User) -> Result<(), Diagnostic> {
        self.expect(owner, &[], Some(&self.text(&self.grant.input)))?;
        output::write(&format!("granted to `{}`\n", self.user), None)?;
        if users::current().uid != 0 {
            let note = format!(
                "whether it is let in can only be tried as root; if not, the access file needs: {}\n",
                self.text(&self.grant.line)
            );
            return output::write(&note, None);
        }
        if self.let_in(user)? {
            return output::write(&format!("tried: `{}` is let in\n", self.user), None);
        }
        let printed = self.expect(owner, &self.grant.file, None)?;
        let file = PathBuf::from(printed.trim_end_matches(['\r', '\n']));
        let line = self.text(&self.grant.line);
        access_file::prepend(owner, &file, &line)?;
        self.expect(owner, &self.grant.reload, None)?;
        output::write(&format!("added to {}: {line}\n", file.display()), None)?;
        if self.let_in(user)? {
            return output::write(&format!("tried: `{}` is let in\n", self.user), None);
        }
        Err(Diagnostic::error(
            "still-refused",
            format!("`{}` is granted what it needs and still not let in", self.user),
        )
        .help("look into the product's own log for the reason"))
    }

    /// Whether the agent's user gets through.
    ///
    /// # Errors
    /// The client does not answer in time, which says nothing about the user.
    fn let_in(&self, user: &User) -> Result<bool, Diagnostic> {
        match self.run(user, &self.grant.check, None) {
            Ok(output) => Ok(output.status.success()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(self.not_run(user, &error)),
            Err(_) => Ok(false),
        }
    }

    fn not_run(&self, user: &User, error: &io::Error) -> Diagnostic {
        let program = &self.grant.program;
        if error.kind() == io::ErrorKind::TimedOut {
            let message = format!("{program} as `{}` does not answer: {error}", user.name);
            return Diagnostic::error("client-hangs", message)
                .help("see whether the product answers, and whether another session holds a lock");
        }
        Diagnostic::error("no-client", format!("{program} cannot be run as `{}`: {error}", user.name))
    }

    /// Runs the client as `user` and insists that it succeeds; its standard output.
    fn expect(&self, user: &User, further: &[String], input: Option<&str>) -> Result<String, Diagnostic> {
        let program = &self.grant.program;
        let output = self.run(user, further, input).map_err(|error| self.not_run(user, &error))?;
        if !output.status.success() {
            let said = said(&output.stderr);
            return Err(Diagnostic::error("refused", format!("{program} as `{}` says: {said}", user.name))
                .help("is the product running, and is --address its socket?"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn run(&self, user: &User, further: &[String], input: Option<&str>) -> io::Result<Output> {
        let mut command = Command::new(&self.grant.program);
        command.args(self.arguments(further)).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if users::current().uid != user.uid {
            command.uid(user.uid).gid(user.gid);
        }
        bounded(command.spawn()?, input.unwrap_or_default(), PATIENCE)
    }
}

/// Feeds a client, waits for it and takes what it prints, up to [`MAX_PRINTED`] each; one that prints more is not read to
/// its end, and one that takes longer than `patience` is ended.
fn bounded(mut child: Child, input: &str, patience: Duration) -> io::Result<Output> {
    let deadline = Instant::now() + patience;
    // Threads, because a client may neither read, nor print, nor end; they end with it.
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.as_bytes().to_vec();
        // A client that does not want to hear it says so by its exit code.
        thread::spawn(move || _ = stdin.write_all(&input));
    }
    let printed = [child.stdout.take().map(reading), child.stderr.take().map(reading)];
    let [stdout, stderr] = printed.map(|reading| match reading {
        Some(reading) => reading.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
        None => Some(Ok(Vec::new())),
    });
    let ended = match (stdout, stderr) {
        (Some(stdout), Some(stderr)) => ends(&mut child, deadline)?.map(|status| (status, stdout, stderr)),
        _ => None,
    };
    let Some((status, stdout, stderr)) = ended else {
        // Only this client: what it started itself is the product's.
        child.kill()?;
        child.wait()?;
        let seconds = patience.as_secs();
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("it was ended after {seconds} s")));
    };
    Ok(Output { status, stdout: stdout?, stderr: stderr? })
}

/// Reads a stream to its end or to the limit, on a thread.
fn reading(stream: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (done, result) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.take(MAX_PRINTED).read_to_end(&mut bytes);
        // Nobody waits for it any more when the time is over.
        let _ = done.send(read.map(|_| bytes));
    });
    result
}

/// How the client ends before the deadline; `None` when it does not.
fn ends(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::park_timeout(TICK);
    }
}

/// What a program wrote to standard error, in one bounded line.
fn said(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_prints_is_bounded() {
        let endless =
            Command::new("/usr/bin/yes").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = bounded(endless, "", PATIENCE).unwrap();
        assert_eq!(output.stdout.len(), usize::try_from(MAX_PRINTED).unwrap());
        assert!(!output.status.success(), "nobody reads it to its end");
    }

    #[test]
    fn a_client_that_hangs_is_ended() {
        let start = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let begun = Instant::now();
        let more_than_a_pipe_holds = "x".repeat(1 << 20);
        for script in ["exec sleep 60", "exec <&- >&- 2>&-; exec sleep 60"] {
            let error =
                bounded(start(script), &more_than_a_pipe_holds, Duration::from_millis(200)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(bounded(start("exit 0"), "", PATIENCE).unwrap().status.success());
    }
}
