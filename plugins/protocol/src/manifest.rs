//! `plugin.toml`: who a plugin is, what it may do, and which facts it emits. Read before any of its code runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use semver::Version;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::PROTOCOL;
use crate::contract::{Contract, Field, RawContract, Sensitivity, Shape, validate};
use crate::diagnostic::Diagnostic;
use crate::document::{Document, Parsed};
use crate::glob::Glob;
use crate::message::Address;

/// How long a plugin may take for one scan unless its manifest says less or more.
pub const DEFAULT_SECONDS: u64 = 30;

/// The most a manifest may ask for.
pub const MAX_SECONDS: u64 = 600;

/// How many characters of a process's name the kernel keeps.
const MAX_PROCESS: usize = 15;

/// A manifest that cannot be wrong: everything in it was validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The plugin's name: lower case letters, digits and `-`; the first word of its facts' paths.
    pub name: String,
    /// What it inspects, for people.
    pub title: String,
    /// Its own version.
    pub version: Version,
    /// The protocol it speaks.
    pub protocol: u32,
    /// The products that it knows.
    pub products: Vec<String>,
    /// The library's file name beside the manifest.
    pub library: String,
    /// How long one scan may take.
    pub time_limit: Duration,
    /// What the broker may do for it.
    pub permissions: Permissions,
    /// What an admin may set for it in `agent.toml`, by name.
    pub options: BTreeMap<String, OptionField>,
    /// What an admin runs so that the plugin's sessions may see what they need; shown and run by `goodstead grant`.
    pub grant: Option<Grant>,
    /// The texts beside its facts that it writes itself.
    pub texts: Texts,
    /// Where support bundles hold what it asks for, by the kind of bundle: `sos` or `troubleshoot`.
    pub bundles: BTreeMap<String, BundleFiles>,
    /// The text fact that tells a target from every other of its plugin for as long as it lives, whatever it is called or
    /// where it listens; its path below the plugin's name.
    pub identity: Option<String>,
    /// The names of the product's processes, as the kernel keeps them: where one runs in a container, the plugin is run once
    /// more for what is in that.
    pub containers: Vec<String>,
    /// Which facts it emits.
    pub contract: Contract,
}

/// Where one kind of support bundle holds what a plugin asks for. Paths are relative to the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleFiles {
    /// Commands by name, each with the files of which the first that is there holds its output. Commands that are not
    /// among the permissions are answered from bundles only.
    #[serde(default)]
    pub run: BTreeMap<String, Vec<String>>,
    /// What the collector takes whole where it leaves the file or folder of this name: globs as in the permissions. What
    /// is missing of these was missing on the host; anything else that is missing is unknown.
    #[serde(default)]
    pub complete: BTreeMap<String, Vec<String>>,
}

impl BundleFiles {
    /// Whether all paths in it stay in the bundle.
    fn is_sound(&self) -> bool {
        let inside =
            |path: &String| !path.is_empty() && path.split('/').all(|name| !matches!(name, "" | "." | ".."));
        self.run.values().flatten().chain(self.complete.keys()).all(inside)
            && self.complete.values().flatten().all(|glob| Glob::new(glob).is_ok())
    }
}

/// The texts beside facts that a plugin writes itself, each only where it is declared here. Otherwise the agent writes
/// them: targets have numbers and the plugin's title, and a cause says what its kind says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// What its targets are called.
    pub target_names: Option<OwnText>,
    /// What its targets are, for people.
    pub target_titles: Option<OwnText>,
    /// Why a fact is unknown, and what would make it known. They are never taken for a secret fact.
    pub causes: Option<OwnText>,
}

/// One kind of text that a plugin writes itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnText {
    /// What is in it, one sentence for the admin.
    pub about: String,
    /// How carefully it must be treated; never secret.
    #[serde(default)]
    pub sensitivity: Sensitivity,
}

impl Texts {
    /// Each of them by its name in the manifest.
    pub fn by_name(&self) -> [(&'static str, Option<&OwnText>); 3] {
        [
            ("target_names", self.target_names.as_ref()),
            ("target_titles", self.target_titles.as_ref()),
            ("causes", self.causes.as_ref()),
        ]
    }
}

/// What the broker may do for a plugin; nothing else is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Globs of absolute paths that may be read, listed and stat'ed. `*` stays within a name, `**` crosses folders.
    #[serde(default)]
    pub read: Vec<String>,
    /// Globs of absolute paths that may be stat'ed and neither read nor listed: for files whose rights matter and whose
    /// content is nobody's business.
    #[serde(default)]
    pub stat: Vec<String>,
    /// Globs of absolute paths whose file system's space and inodes may be asked for.
    #[serde(default)]
    pub statfs: Vec<String>,
    /// Globs of absolute paths of Unix sockets that discovery may propose.
    #[serde(default)]
    pub connect: Vec<String>,
    /// TCP addresses of the loopback that discovery may propose: IP and port. Any other is only ever the admin's to name.
    #[serde(default)]
    pub connect_tcp: Vec<SocketAddr>,
    /// Commands by name.
    #[serde(default)]
    pub run: BTreeMap<String, Command>,
}

/// A whole number that an admin may set, and that a plugin is handed with each target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionField {
    /// What it is for the admin, with its unit.
    pub about: String,
    /// What holds unless the admin says otherwise.
    pub default: u64,
    /// The least that may be set.
    pub minimum: u64,
    /// The most that may be set.
    pub maximum: u64,
}

/// A command that a plugin may have run: exactly these words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program's absolute path.
    pub program: String,
    /// All its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// How the product is told to let the agent's user look: commands of the product's own client, run as its owner.
///
/// `{user}` stands for the system user that connects, `{folder}` and `{suffix}` for the socket's folder and for what
/// follows the last dot of its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What it allows, for the admin.
    pub about: String,
    /// The system user that owns the product.
    pub owner: String,
    /// The socket that is meant unless the admin names another.
    pub address: Address,
    /// The client's absolute path.
    pub program: String,
    /// Its arguments for every use.
    pub arguments: Vec<String>,
    /// What it is fed: the grant itself.
    pub input: String,
    /// Further arguments with which the agent's user tries whether it is let in.
    pub check: Vec<String>,
    /// Further arguments with which the client prints the path of the access file.
    pub file: Vec<String>,
    /// The line that lets the user in where the product's own rules do not.
    pub line: String,
    /// Further arguments with which the product reads the access file again.
    pub reload: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: Spanned<String>,
    #[serde(default)]
    title: String,
    version: Spanned<String>,
    protocol: Spanned<u32>,
    #[serde(default)]
    products: Vec<String>,
    library: Spanned<String>,
    seconds: Option<Spanned<u64>>,
    #[serde(default)]
    permissions: RawPermissions,
    #[serde(default)]
    options: BTreeMap<String, Spanned<OptionField>>,
    grant: Option<Grant>,
    texts: Option<Spanned<Texts>>,
    identity: Option<Spanned<String>>,
    #[serde(default)]
    containers: Vec<Spanned<String>>,
    #[serde(default)]
    bundles: BTreeMap<String, Spanned<BundleFiles>>,
    facts: RawContract,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPermissions {
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    stat: Vec<Spanned<String>>,
    #[serde(default)]
    statfs: Vec<Spanned<String>>,
    #[serde(default)]
    connect: Vec<Spanned<String>>,
    #[serde(default)]
    connect_tcp: Vec<Spanned<String>>,
    #[serde(default)]
    run: BTreeMap<String, RawCommand>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    program: Spanned<String>,
    #[serde(default)]
    arguments: Vec<String>,
}

impl Manifest {
    /// Reads and validates a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line: unknown keys and permissions, another protocol, a bad
    /// name, version or path, and whatever the contract refuses.
    pub fn read(document: &Document) -> Result<Manifest, Vec<Diagnostic>> {
        // The protocol first: a manifest of another one may hold keys that this one cannot know.
        let parsed = document.parsed().map_err(|error| vec![error])?;
        if let Some(found) = other_protocol(&parsed) {
            return Err(vec![found]);
        }
        let (raw, mut errors) = parsed.read_all::<RawManifest>();
        let Some(raw) = raw else { return Err(errors) };
        let name = check(raw.name, document, &mut errors, "bad-name", plain_name);
        let version_span = raw.version.span();
        let version = Version::parse(raw.version.get_ref()).unwrap_or_else(|error| {
            let message = format!("`{}` is no version: {error}", raw.version.get_ref());
            let help = "versions look like 1.2.0 (semver)";
            errors
                .push(Diagnostic::error("bad-version", message).at(document.place(version_span)).help(help));
            Version::new(0, 0, 0)
        });
        let library = check(raw.library, document, &mut errors, "bad-library", |name| {
            if name.contains('/') || name.is_empty() {
                Err("the library lies beside the manifest: a file name")
            } else {
                Ok(())
            }
        });
        let seconds = raw.seconds.map_or(DEFAULT_SECONDS, |seconds| {
            if !(1..=MAX_SECONDS).contains(seconds.get_ref()) {
                let message = format!("`seconds` must lie between 1 and {MAX_SECONDS}");
                errors.push(Diagnostic::error("bad-limit", message).at(document.place(seconds.span())));
            }
            seconds.into_inner()
        });
        let permissions = permissions(raw.permissions, document, &mut errors);
        let options = options(raw.options, document, &mut errors);
        let texts = texts(raw.texts, document, &mut errors);
        let bundles = bundles(raw.bundles, document, &mut errors);
        for process in raw.containers.iter().filter(|name| !(1..=MAX_PROCESS).contains(&name.get_ref().len()))
        {
            let message = format!("no process is called `{}`", process.get_ref());
            let help = "the kernel keeps 1 to 15 characters of a program's name: /proc/PID/comm";
            errors.push(
                Diagnostic::error("bad-process", message).at(document.place(process.span())).help(help),
            );
        }
        let validated = validate(&name, raw.facts, document);
        if let (Some(identity), Ok(contract)) = (&raw.identity, &validated) {
            let path = format!("{name}.{}", identity.get_ref());
            let text = |(leaf, field): &(String, &Field)| {
                *leaf == path && field.shape == Shape::Text && !leaf.contains("[]")
            };
            if !contract.leaves().iter().any(text) {
                let message =
                    format!("`identity` names `{}`, which is no text among the facts", identity.get_ref());
                let help = "name a fact that is one text for a whole target";
                errors.push(
                    Diagnostic::error("bad-identity", message).at(document.place(identity.span())).help(help),
                );
            }
        }
        match validated {
            Ok(contract) if errors.is_empty() => Ok(Manifest {
                title: if raw.title.is_empty() { name.clone() } else { raw.title },
                name,
                version,
                protocol: raw.protocol.into_inner(),
                products: raw.products,
                library,
                time_limit: Duration::from_secs(seconds),
                permissions,
                options,
                grant: raw.grant,
                texts,
                bundles,
                identity: raw.identity.map(Spanned::into_inner),
                containers: raw.containers.into_iter().map(Spanned::into_inner).collect(),
                contract,
            }),
            Ok(_) => Err(errors),
            Err(more) => Err([errors, more].concat()),
        }
    }
}

fn other_protocol(parsed: &Parsed<'_>) -> Option<Diagnostic> {
    let (spoken, span) = parsed.number("protocol")?;
    (spoken != PROTOCOL).then(|| {
        let newer = if spoken > PROTOCOL { "a newer Goodstead" } else { "a newer version of the plugin" };
        Diagnostic::error(
            "other-protocol",
            format!("this plugin speaks protocol {spoken}, this agent {PROTOCOL}"),
        )
        .at(parsed.document().place(span))
        .help(format!("install {newer}"))
    })
}

/// Whether a plugin can have this name.
pub fn is_plugin_name(name: &str) -> bool {
    plain_name(name).is_ok()
}

fn plain_name(name: &str) -> Result<(), &'static str> {
    let mut letters = name.chars();
    let good = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if good && name != "host" && name != "item" && name != "previous" {
        Ok(())
    } else {
        Err("names are lower case letters, digits and `_`; `host`, `item` and `previous` are taken")
    }
}

fn absolute(path: &str) -> Result<(), &'static str> {
    if path.starts_with('/') && !path.split('/').any(|part| part == ".." || part == ".") {
        Ok(())
    } else {
        Err("paths are absolute, without `.` and `..`")
    }
}

fn check(
    value: Spanned<String>,
    document: &Document,
    errors: &mut Vec<Diagnostic>,
    code: &'static str,
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> String {
    if let Err(help) = rule(value.get_ref()) {
        let message = format!("`{}` cannot stand here", value.get_ref());
        errors.push(Diagnostic::error(code, message).at(document.place(value.span())).help(help));
    }
    value.into_inner()
}

/// A glob of absolute paths.
fn glob(text: Spanned<String>, document: &Document, errors: &mut Vec<Diagnostic>) -> String {
    if let Err(why) = Glob::new(text.get_ref()).and_then(|glob| glob.ways()) {
        let message = format!("`{}` is not a usable glob: {why}", text.get_ref());
        errors.push(Diagnostic::error("bad-glob", message).at(document.place(text.span())));
    }
    check(text, document, errors, "bad-path", absolute)
}

fn permissions(raw: RawPermissions, document: &Document, errors: &mut Vec<Diagnostic>) -> Permissions {
    let mut paths =
        |list: Vec<Spanned<String>>| list.into_iter().map(|path| glob(path, document, errors)).collect();
    let (read, stat) = (paths(raw.read), paths(raw.stat));
    let (statfs, connect) = (paths(raw.statfs), paths(raw.connect));
    let connect_tcp =
        raw.connect_tcp.into_iter().filter_map(|text| loopback(&text, document, errors)).collect();
    let run = raw
        .run
        .into_iter()
        .map(|(name, command)| {
            let program = check(command.program, document, errors, "bad-path", absolute);
            (name, Command { program, arguments: command.arguments })
        })
        .collect();
    Permissions { read, stat, statfs, connect, connect_tcp, run }
}

/// A TCP address of this host that no other host can reach. By number: what a name means, others could decide.
fn loopback(text: &Spanned<String>, document: &Document, errors: &mut Vec<Diagnostic>) -> Option<SocketAddr> {
    let parsed: Option<SocketAddr> = text.get_ref().parse().ok();
    let scoped = |address: &SocketAddr| matches!(address, SocketAddr::V6(address) if address.scope_id() != 0);
    let found =
        parsed.filter(|address| address.ip().is_loopback() && address.port() != 0 && !scoped(address));
    if found.is_none() {
        let message = format!("`{}` is not a TCP address of the loopback", text.get_ref());
        let help = "write 127.0.0.1:6379 or [::1]:6379; an admin names any other address in agent.toml";
        errors.push(Diagnostic::error("bad-address", message).at(document.place(text.span())).help(help));
    }
    found
}

fn texts(raw: Option<Spanned<Texts>>, document: &Document, errors: &mut Vec<Diagnostic>) -> Texts {
    let Some(raw) = raw else { return Texts::default() };
    for (name, text) in raw.get_ref().by_name() {
        if text.is_some_and(|text| text.sensitivity == Sensitivity::Secret) {
            let message = format!("`{name}` cannot be secret: nothing is derived from it");
            let help = "`identifying` is the most careful sensitivity of these texts";
            errors.push(Diagnostic::error("bad-secret", message).at(document.place(raw.span())).help(help));
        }
    }
    raw.into_inner()
}

fn bundles(
    raw: BTreeMap<String, Spanned<BundleFiles>>,
    document: &Document,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, BundleFiles> {
    let mut sound = |(kind, files): (String, Spanned<BundleFiles>)| {
        if !files.get_ref().is_sound() {
            let message = format!("a path or glob of the bundle `{kind}` is not usable");
            let help = "files are relative to the bundle, without `.` and `..`; globs are absolute";
            errors.push(Diagnostic::error("bad-path", message).at(document.place(files.span())).help(help));
        }
        (kind, files.into_inner())
    };
    raw.into_iter().map(&mut sound).collect()
}

fn options(
    raw: BTreeMap<String, Spanned<OptionField>>,
    document: &Document,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, OptionField> {
    let mut option = |(name, field): (String, Spanned<OptionField>)| {
        let OptionField { default, minimum, maximum, .. } = field.get_ref();
        if !(minimum..=maximum).contains(&default) {
            let message = format!("the default of `{name}` does not lie between its minimum and maximum");
            errors.push(Diagnostic::error("bad-limit", message).at(document.place(field.span())));
        }
        (name, field.into_inner())
    };
    raw.into_iter().map(&mut option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = 'demo'\nversion = '1.2.0'\nprotocol = 1\nlibrary = 'libdemo.so'\n\
        [permissions]\nread = ['/etc/demo.conf']\n[facts]\nport = { type = 'int' }\n";

    fn read(text: &str) -> Result<Manifest, String> {
        Manifest::read(&Document::new("plugin.toml", text))
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_good_manifest_is_read_whole() {
        let manifest = read(GOOD).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.time_limit.as_secs()), ("demo", DEFAULT_SECONDS));
    }

    #[test]
    fn the_identity_is_one_text_of_a_whole_target() {
        let with = |path: &str| {
            let text = GOOD.replace("[permissions]", &format!("identity = '{path}'\n[permissions]"))
                + "\"control.number\" = { type = 'text' }\nall = { type = 'list', key = 'name' }\n\"all[].name\" = { type = 'text' }\n";
            read(&text).map(|manifest| manifest.identity.unwrap())
        };
        assert_eq!(with("control.number").unwrap(), "control.number");
        insta::assert_snapshot!(with("port").unwrap_err(), @"plugin.toml:5:12: `identity` names `port`, which is no text among the facts (name a fact that is one text for a whole target)");
        assert!(with("all[].name").is_err() && with("control").is_err() && with("").is_err());
    }

    #[test]
    fn processes_in_containers_are_named_as_the_kernel_does() {
        let with = |name: &str| {
            read(&GOOD.replace("[permissions]", &format!("containers = ['{name}']\n[permissions]")))
        };
        assert_eq!(with("postgres").unwrap().containers, ["postgres"]);
        insta::assert_snapshot!(with("a-very-long-name").unwrap_err(), @"plugin.toml:5:15: no process is called `a-very-long-name` (the kernel keeps 1 to 15 characters of a program's name: /proc/PID/comm)");
        assert!(with("").is_err());
    }

    #[test]
    fn another_protocol_is_named_before_anything_else() {
        let text = GOOD.replace("protocol = 1", "protocol = 9").replace("read =", "teleport =");
        insta::assert_snapshot!(read(&text).unwrap_err(), @"plugin.toml:3:12: this plugin speaks protocol 9, this agent 1 (install a newer Goodstead)");
    }

    #[test]
    fn files_of_bundles_stay_in_the_bundle() {
        let with = |path: &str| read(&format!("{GOOD}[bundles.sos]\nrun = {{ a = ['{path}'] }}\n"));
        let manifest = with("sos_commands/kernel/sysctl_-a").unwrap();
        assert_eq!(manifest.bundles["sos"].run["a"], ["sos_commands/kernel/sysctl_-a"]);
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a"] {
            assert!(with(path).unwrap_err().contains("is not usable"), "{path}");
        }
    }

    #[test]
    fn unknown_permissions_are_errors() {
        let text = GOOD.replace("read =", "raed =");
        insta::assert_snapshot!(read(&text).unwrap_err(), @"plugin.toml:6:1: unknown key `raed`, expected one of `read`, `stat`, `statfs`, `connect`, `connect_tcp`, `run` (did you mean `read`?)");
    }

    #[test]
    fn only_tcp_addresses_of_the_loopback_are_declared() {
        let with = |list: &str| read(&GOOD.replace("read =", &format!("connect_tcp = {list}\nread =")));
        let good = with("['127.0.0.1:6379', '127.1.2.3:1', '[::1]:65535']").unwrap();
        let found: Vec<_> = good.permissions.connect_tcp.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1:6379", "127.1.2.3:1", "[::1]:65535"]);
        for bad in [
            "10.0.0.1:80",
            "0.0.0.0:80",
            "[::]:80",
            "[::ffff:127.0.0.1]:80",
            "128.0.0.1:80",
            "localhost:80",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:99999",
            "127.1:80",
            "[fe80::1]:80",
            "tcp:127.0.0.1:80",
            "",
            "127.0.0.1:1-9",
            "127.0.0.1:*",
            "[::1%1]:80",
            "2130706433:80",
        ] {
            let refused = with(&format!("['{bad}']")).unwrap_err();
            assert!(refused.contains("is not a TCP address of the loopback"), "{bad}: {refused}");
        }
    }

    #[test]
    fn paths_cannot_climb() {
        let text = GOOD.replace("/etc/demo.conf", "/etc/../root");
        insta::assert_snapshot!(read(&text).unwrap_err(), @"plugin.toml:6:9: `/etc/../root` cannot stand here (paths are absolute, without `.` and `..`)");
    }

    #[test]
    fn an_option_s_default_may_be_set_as_well() {
        let option = "[options]\nrows = { about = 'rows', default = 0, minimum = 1, maximum = 9 }\n[facts]";
        let text = GOOD.replace("[facts]", option);
        insta::assert_snapshot!(read(&text).unwrap_err(), @"plugin.toml:8:8: the default of `rows` does not lie between its minimum and maximum");
        assert_eq!(read(&text.replace("= 0", "= 9")).unwrap().options["rows"].default, 9);
    }

    #[test]
    fn texts_of_its_own_are_declared_and_never_secret() {
        let none = read(GOOD).unwrap().texts;
        assert_eq!(none, Texts::default());
        let texts = "[texts]\ncauses = { about = 'why' }\ntarget_names = { about = 'names', sensitivity = 'public' }\n";
        let declared = read(&format!("{GOOD}{texts}")).unwrap().texts;
        assert_eq!(declared.causes.unwrap().sensitivity, Sensitivity::Identifying);
        assert!(declared.target_names.is_some() && declared.target_titles.is_none());
        let error = read(&format!("{GOOD}{}", texts.replace("public", "secret"))).unwrap_err();
        assert!(error.contains("`target_names` cannot be secret"), "{error}");
        assert!(read(&format!("{GOOD}{}", texts.replace("causes", "notes"))).is_err());
    }

    #[test]
    fn several_mistakes_are_told_at_once() {
        let text = GOOD.replace("'1.2.0'", "'one'").replace("'demo'", "'Demo'");
        assert_eq!(read(&text).unwrap_err().lines().count(), 2);
    }
}
