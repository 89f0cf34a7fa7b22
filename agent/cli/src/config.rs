//! `agent.toml`: parsed, then validated into a type that cannot be wrong.
//!
//! The defaults are the safe side of everything: discovery only, no TCP, the service user. So a broken file can be
//! answered with the defaults, and the error.

// What is fuzzed takes this file alone, so the path is told.
#[path = "config/options.rs"]
mod options;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::MAX_SECONDS;
use goodstead_protocol::message::Address;
use serde::Deserialize;
use toml::Spanned;

use options::SetOption;

/// The commented sample, installed as `share/goodstead/agent.sample.toml`.
#[cfg(test)]
pub(crate) const SAMPLE: &str = include_str!("agent.sample.toml");

/// A configuration that cannot be wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// The most that any plugin may take.
    plugin_limit: Option<Duration>,
    plugins: BTreeMap<String, PluginConfig>,
    /// Whether plugins may run where the kernel lacks a part of the isolation.
    pub(crate) require_full_isolation: bool,
    /// Plugins and packs, or folders above them, that need no signature.
    pub(crate) allow_unsigned: Vec<PathBuf>,
    /// What the admin says of targets.
    pub(crate) targets: Vec<TargetConfig>,
    /// An authority to trust for the desk.
    pub(crate) desk_ca_file: Option<PathBuf>,
}

/// What the admin says of one plugin.
#[derive(Debug, Clone, Default)]
struct PluginConfig {
    disabled: bool,
    connect_as: Option<String>,
    limit: Option<Duration>,
    options: BTreeMap<String, SetOption>,
}

/// What the admin says of one target.
#[derive(Debug, Clone)]
pub(crate) struct TargetConfig {
    pub(crate) plugin: String,
    pub(crate) name: Option<String>,
    pub(crate) address: Option<Address>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) database: Option<String>,
    pub(crate) importance: f64,
    pub(crate) deployment: Option<String>,
}

impl Config {
    /// Whether the admin switched the plugin off.
    pub(crate) fn disabled(&self, plugin: &str) -> bool {
        self.plugins.get(plugin).is_some_and(|config| config.disabled)
    }

    /// The system user that the admin names for the plugin's connections.
    pub(crate) fn connect_as(&self, plugin: &str) -> Option<&str> {
        self.plugins.get(plugin)?.connect_as.as_deref()
    }

    /// How long the plugin may take: the least of what its manifest asks for and what the admin allows.
    pub(crate) fn time_limit(&self, plugin: &str, asked: Duration) -> Duration {
        let own = self.plugins.get(plugin).and_then(|config| config.limit);
        [own, self.plugin_limit].into_iter().flatten().fold(asked, Duration::min)
    }

    /// The configuration in the bytes of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Config, Vec<Diagnostic>> {
        let document = Document::from_bytes(path.display().to_string(), bytes);
        Config::read(&document.map_err(|error| vec![error])?)
    }

    fn read(document: &Document) -> Result<Config, Vec<Diagnostic>> {
        let raw: RawConfig = document.parse_all()?;
        let mut errors = Vec::new();
        let mut limit = |seconds: Option<Spanned<u64>>| {
            let seconds = seconds?;
            if !(1..=MAX_SECONDS).contains(seconds.get_ref()) {
                let error =
                    Diagnostic::error("bad-limit", format!("seconds must lie between 1 and {MAX_SECONDS}"));
                errors.push(error.at(document.place(seconds.span())));
            }
            Some(Duration::from_secs(seconds.into_inner()))
        };
        let plugin_limit = limit(raw.limits.plugin_seconds);
        let plugins = raw.plugins.into_iter().map(|(name, raw)| {
            let config = PluginConfig {
                disabled: !raw.enabled,
                connect_as: raw.connect_as,
                limit: limit(raw.seconds),
                options: options::set(raw.options, document),
            };
            (name, config)
        });
        let plugins = plugins.collect();
        let targets = raw.target.into_iter().map(|raw| target(raw, document, &mut errors)).collect();
        let unsigned = raw.signatures.allow_unsigned.into_iter();
        let allow_unsigned = unsigned.map(|path| absolute(path, document, &mut errors)).collect();
        if errors.is_empty() {
            let require_full_isolation = raw.isolation.require_full;
            Ok(Config {
                plugin_limit,
                plugins,
                require_full_isolation,
                allow_unsigned,
                targets,
                desk_ca_file: raw.desk.ca_file,
            })
        } else {
            Err(errors)
        }
    }

    /// What the file says of plugins that are not installed: most likely misspelt.
    pub(crate) fn unknown_plugins<'a>(
        &self,
        path: &Path,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Vec<Diagnostic> {
        let named = self.plugins.keys().chain(self.targets.iter().map(|target| &target.plugin));
        let mut unknown: Vec<_> =
            named.filter(|name| !known.clone().any(|known| known == name.as_str())).collect();
        unknown.sort();
        unknown.dedup();
        let warn = |name: &&String| {
            Diagnostic::warning(
                "unknown-plugin",
                format!("the configuration speaks of the plugin `{name}`, which is not installed"),
            )
            .at(Place::file(path.display().to_string()))
            .maybe_help(did_you_mean(name, known.clone()))
        };
        unknown.iter().map(warn).collect()
    }
}

/// A path that means the same wherever the agent is started.
fn absolute(path: Spanned<PathBuf>, document: &Document, errors: &mut Vec<Diagnostic>) -> PathBuf {
    if !path.get_ref().is_absolute() {
        let error =
            Diagnostic::error("bad-path", "this must be an absolute path").at(document.place(path.span()));
        errors.push(error.help("name the folder of the plugin or pack, beginning with `/`"));
    }
    path.into_inner()
}

fn target(raw: RawTarget, document: &Document, errors: &mut Vec<Diagnostic>) -> TargetConfig {
    let mut refuse = |span, code, message: String, help: &str| {
        errors.push(Diagnostic::error(code, message).at(document.place(span)).help(help));
    };
    let address = raw.address.and_then(|address| match address.get_ref().parse() {
        Ok(parsed) => Some(parsed),
        Err(problem) => {
            refuse(address.span(), "bad-address", problem, "for example unix:/run/postgresql/.s.PGSQL.5432");
            None
        }
    });
    let importance = raw.importance.map_or(1.0, |importance| {
        if !(importance.get_ref().is_finite() && *importance.get_ref() > 0.0) {
            refuse(
                importance.span(),
                "bad-importance",
                "importance must be above 0".into(),
                "1.0 is the default",
            );
        }
        importance.into_inner()
    });
    if let Some(name) = &raw.name
        && (name.get_ref().is_empty() || name.get_ref().contains([':', ' ', '/']))
    {
        refuse(
            name.span(),
            "bad-name",
            "a target's name holds no `:`, `/` or space".into(),
            "for example name = \"main\"",
        );
    }
    TargetConfig {
        plugin: raw.plugin,
        name: raw.name.map(Spanned::into_inner),
        address,
        user: raw.user,
        password_file: raw.password_file,
        database: raw.database,
        importance,
        deployment: raw.deployment,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    isolation: RawIsolation,
    #[serde(default)]
    signatures: RawSignatures,
    #[serde(default)]
    plugins: BTreeMap<String, RawPlugin>,
    #[serde(default)]
    target: Vec<RawTarget>,
    #[serde(default)]
    desk: RawDesk,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    plugin_seconds: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIsolation {
    #[serde(default)]
    require_full: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignatures {
    #[serde(default)]
    allow_unsigned: Vec<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    #[serde(default = "yes")]
    enabled: bool,
    connect_as: Option<String>,
    seconds: Option<Spanned<u64>>,
    #[serde(default)]
    options: BTreeMap<Spanned<String>, Spanned<u64>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    plugin: String,
    name: Option<Spanned<String>>,
    address: Option<Spanned<String>>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    database: Option<String>,
    importance: Option<Spanned<f64>>,
    deployment: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDesk {
    ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(&Document::new("agent.toml", text))
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    /// The sample with its comment marks taken off, which is what an admin makes of it.
    fn uncommented() -> String {
        let lines = SAMPLE.lines().filter_map(|line| line.strip_prefix("# "));
        lines
            .filter(|line| {
                line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
            })
            .fold(String::new(), |text, line| text + line + "\n")
    }

    #[test]
    fn the_sample_is_valid_as_it_is_and_with_everything_switched_on() {
        assert!(read(SAMPLE).is_ok());
        let config = read(&uncommented()).unwrap();
        let target = &config.targets[0];
        assert_eq!((target.name.as_deref(), target.importance), (Some("orders"), 2.0));
        assert_eq!(config.connect_as("postgresql"), Some("monitoring"));
        assert!(config.desk_ca_file.is_some() && config.require_full_isolation);
        assert_eq!(config.allow_unsigned, [PathBuf::from("/srv/goodstead/our-plugin")]);
        assert_eq!(config.time_limit("postgresql", Duration::from_secs(60)), Duration::from_secs(10));
        assert_eq!(config.time_limit("linux", Duration::from_secs(60)), Duration::from_secs(30));
        assert_eq!(config.time_limit("linux", Duration::from_secs(5)), Duration::from_secs(5));
    }

    #[test]
    fn mistakes_are_named_with_line_and_suggestion() {
        insta::assert_snapshot!(read("[[target]]\nplugin = 'postgresql'\nadress = 'x'\n").unwrap_err(), @"agent.toml:3:1: unknown key `adress`, expected one of `plugin`, `name`, `address`, `user`, `password_file`, `database`, `importance`, `deployment` (did you mean `address`?)");
        insta::assert_snapshot!(read("[[target]]\nplugin = 'p'\naddress = 'localhost'\nimportance = 0\n").unwrap_err(), @"
        agent.toml:3:11: `localhost` is no address: write unix:/path/of/socket or tcp:host:port (for example unix:/run/postgresql/.s.PGSQL.5432)
        agent.toml:4:14: importance must be above 0 (1.0 is the default)
        ");
        insta::assert_snapshot!(read("[signatures]\nallow_unsigned = ['our-plugin']\n").unwrap_err(), @"agent.toml:2:19: this must be an absolute path (name the folder of the plugin or pack, beginning with `/`)");
        insta::assert_snapshot!(read("[desks]\n[limits]\nplugin_second = 3\n[isolation]\nrequire_ful = true\n").unwrap_err(), @"
        agent.toml:1:2: unknown key `desks`, expected one of `limits`, `isolation`, `signatures`, `plugins`, `target`, `desk` (did you mean `desk`?)
        agent.toml:3:1: unknown key `plugin_second`, expected `plugin_seconds` (did you mean `plugin_seconds`?)
        agent.toml:5:1: unknown key `require_ful`, expected `require_full` (did you mean `require_full`?)
        ");
        insta::assert_snapshot!(read("[limits]\nplugin_seconds = 0\n").unwrap_err(), @"agent.toml:2:18: seconds must lie between 1 and 600");
    }
}
