//! `goodstead grant PRODUCT`: what lets the agent's user look into a product, printed, or with `--apply` carried out.
//!
//! The knowledge is the plugin's (`[grant]` in its manifest); this only fills in the names, becomes the product's
//! owner, and tries whether it worked. The access file is touched only where the grant alone does not let the user in.

mod access_file;

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use anstyle::Style;
use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};
use goodstead_protocol::manifest::Grant;
use goodstead_protocol::message::Address;

use super::{Exit, Installed, Outcome, configuration};
use crate::args;
use crate::config::Config;
use crate::installation::Installation;
use crate::render::output;
use crate::trust::Standing;
use crate::users::{self, User};

const BOLD: Style = Style::new().bold();

/// How much of what a client prints is read, in bytes.
const MAX_PRINTED: u64 = 64 << 10;

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
    let filled = Filled::new(grant, args.address.as_ref(), user(&args.product, &config)?)?;
    if args.apply { filled.apply() } else { filled.show(&args.product) }
}

/// The name of the system user that connects for this plugin.
fn user(plugin: &str, config: &Config) -> Result<String, Diagnostic> {
    let name = match config.connect_as(plugin) {
        Some(named) => named.to_owned(),
        None => {
            users::acting_user(plugin, None).map_or_else(|_| users::SERVICE_USER.to_owned(), |user| user.name)
        }
    };
    // It is put between quotes into statements and files.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        return Err(Diagnostic::error("odd-user", format!("`{name}` is no plain user name"))
            .help("user names here are lower case letters, digits, `_` and `-`"));
    }
    Ok(name)
}

/// A grant with its names filled in.
struct Filled<'a> {
    grant: &'a Grant,
    user: String,
    folder: String,
    suffix: String,
}

impl<'a> Filled<'a> {
    fn new(grant: &'a Grant, address: Option<&Address>, user: String) -> Result<Self, Diagnostic> {
        let Address::Unix(path) = address.unwrap_or(&grant.address) else {
            return Err(Diagnostic::error("no-socket", "a grant is made over the product's own socket")
                .help(format!("write it like {}", grant.address)));
        };
        let folder = Path::new(path).parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let suffix = path.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Filled { grant, user, folder, suffix })
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

    fn show(&self, product: &str) -> Outcome {
        let grant = self.grant;
        let command = format!("{} {}", grant.program, self.arguments(&[]).join(" "));
        let mut text = format!("This grants `{}` {}.\n", self.user, grant.about);
        if users::by_name(&self.user).is_none() {
            text.push_str(&format!(
                "\n{BOLD}First, as root{BOLD:#}, since there is no such system user yet:\n\n    {}\n",
                create(&self.user)
            ));
        }
        text.push_str(&format!("\n{BOLD}As {}{BOLD:#}, feed this to `{command}`:\n\n", grant.owner));
        for line in self.text(&grant.input).trim().lines() {
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str(&format!(
            "\n{BOLD}Only if the user is still refused{BOLD:#}, put this line before the others of the access file, and \
             have it read again:\n\n    {}\n\nOr have all of it done: sudo goodstead grant {product} --apply\n",
            self.text(&grant.line)
        ));
        output::write(&text, None)?;
        Ok(Exit::Fine)
    }

    fn apply(&self) -> Outcome {
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
        let user = users::by_name(&self.user).ok_or_else(|| {
            Diagnostic::error("no-user", format!("there is no system user `{}` yet", self.user))
                .help(create(&self.user))
        })?;
        self.expect(&owner, &[], Some(&self.text(&self.grant.input)))?;
        output::write(&format!("granted to `{}`\n", self.user), None)?;
        if caller.uid != 0 {
            let note = format!(
                "whether it is let in can only be tried as root; if not, the access file needs: {}\n",
                self.text(&self.grant.line)
            );
            output::write(&note, None)?;
            return Ok(Exit::Fine);
        }
        if self.let_in(&user) {
            output::write(&format!("tried: `{}` is let in\n", self.user), None)?;
            return Ok(Exit::Fine);
        }
        let printed = self.expect(&owner, &self.grant.file, None)?;
        let file = PathBuf::from(printed.trim_end_matches(['\r', '\n']));
        let line = self.text(&self.grant.line);
        access_file::prepend(&owner, &file, &line)?;
        self.expect(&owner, &self.grant.reload, None)?;
        output::write(&format!("added to {}: {line}\n", file.display()), None)?;
        if self.let_in(&user) {
            output::write(&format!("tried: `{}` is let in\n", self.user), None)?;
            return Ok(Exit::Fine);
        }
        Err(Diagnostic::error(
            "still-refused",
            format!("`{}` is granted what it needs and still not let in", self.user),
        )
        .help("look into the product's own log for the reason"))
    }

    /// Whether the agent's user gets through.
    fn let_in(&self, user: &User) -> bool {
        self.run(user, &self.grant.check, None).is_ok_and(|output| output.status.success())
    }

    /// Runs the client as `user` and insists that it succeeds; its standard output.
    fn expect(&self, user: &User, further: &[String], input: Option<&str>) -> Result<String, Diagnostic> {
        let program = &self.grant.program;
        let output = self.run(user, further, input).map_err(|error| {
            Diagnostic::error("no-client", format!("{program} cannot be run as `{}`: {error}", user.name))
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String =
                said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
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
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A client that does not want to hear it says so by its exit code.
            let _ = stdin.write_all(input.unwrap_or_default().as_bytes());
        }
        bounded(child)
    }
}

/// Waits for a client and takes what it prints, up to [`MAX_PRINTED`] each; one that prints more is not read to its end.
fn bounded(mut child: Child) -> io::Result<Output> {
    fn read(stream: Option<impl Read>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        stream.map(|stream| stream.take(MAX_PRINTED).read_to_end(&mut bytes)).transpose()?;
        Ok(bytes)
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let errors = scope.spawn(move || read(stderr));
        let stdout = read(stdout);
        let stderr = errors.join().unwrap_or_else(|_| Ok(Vec::new()));
        let status = child.wait()?;
        Ok(Output { status, stdout: stdout?, stderr: stderr? })
    })
}

fn create(user: &str) -> String {
    format!("useradd --system --no-create-home --shell /usr/sbin/nologin {user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_prints_is_bounded() {
        let endless =
            Command::new("/usr/bin/yes").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = bounded(endless).unwrap();
        assert_eq!(output.stdout.len(), usize::try_from(MAX_PRINTED).unwrap());
        assert!(!output.status.success(), "nobody reads it to its end");
    }
}
