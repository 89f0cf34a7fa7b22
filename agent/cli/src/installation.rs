//! Where things lie: the installed tree relative to the binary, and the user's configuration and state.
//!
//! A package under `/usr`, a tarball anywhere and the staged tree of a checkout are alike: `bin/goodstead` beside
//! `lib/goodstead` and `share/goodstead`.

use std::env;
use std::path::{Path, PathBuf};

use goodstead_protocol::diagnostic::Diagnostic;

/// The installed tree, and this user's folders.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    prefix: PathBuf,
    config: PathBuf,
    state: PathBuf,
}

impl Installation {
    /// Finds everything; `config` and `state` come from the command line.
    ///
    /// # Errors
    /// The binary cannot tell where it is, or this user has neither a home nor the XDG variables.
    pub(crate) fn find(config: Option<&Path>, state: Option<&Path>) -> Result<Self, Diagnostic> {
        let prefix = env::current_exe().ok().and_then(|binary| Some(binary.parent()?.parent()?.to_owned()));
        let prefix =
            prefix.ok_or_else(|| Diagnostic::error("lost", "cannot tell where the goodstead binary lies"))?;
        let root = rustix::process::geteuid().is_root();
        let folder =
            |given: Option<&Path>, system: &str, variable: &str, home: &str, option: &str| match given {
                Some(folder) => Ok(folder.to_owned()),
                None if root => Ok(PathBuf::from(system)),
                None => user_folder(variable, home).ok_or_else(|| {
                    Diagnostic::error(
                        "no-home",
                        format!("neither {variable} nor a home folder says where to look"),
                    )
                    .help(format!("name a folder with {option}"))
                }),
            };
        Ok(Installation {
            config: folder(config, "/etc/goodstead", "XDG_CONFIG_HOME", ".config", "--config-dir")?,
            state: folder(state, "/var/lib/goodstead", "XDG_STATE_HOME", ".local/state", "--state-dir")?,
            prefix,
        })
    }

    /// The installed tree's folder.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The runner's program.
    pub(crate) fn runner(&self) -> PathBuf {
        self.prefix.join("lib/goodstead/goodstead-runner")
    }

    /// The folder of the plugins, one folder each.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.prefix.join("lib/goodstead/plugins")
    }

    /// Where it is kept what was installed into the tree by `goodstead plugins install`.
    pub(crate) fn records(&self) -> PathBuf {
        self.prefix.join("lib/goodstead/installed")
    }

    /// What was installed under a name.
    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.records().join(format!("{name}.json"))
    }

    /// The folder of the vendor's check packs, one folder each.
    pub(crate) fn packs(&self) -> PathBuf {
        self.prefix.join("share/goodstead/checks")
    }

    /// The folder of the admin's own check packs, one folder each.
    pub(crate) fn local_packs(&self) -> PathBuf {
        self.config.join("checks")
    }

    /// What an editor needs to know about check files.
    pub(crate) fn schema(&self, name: &str) -> PathBuf {
        self.prefix.join("share/goodstead").join(name)
    }

    /// The folder of the C header with which plugins are built.
    pub(crate) fn include(&self) -> PathBuf {
        self.prefix.join("include")
    }

    /// The checkout that staged this tree, when one did.
    pub(crate) fn checkout(&self) -> Option<&Path> {
        let checkout = self.prefix.parent()?.parent()?;
        checkout.join("plugins/sdk/Cargo.toml").is_file().then_some(checkout)
    }

    /// The program itself.
    pub(crate) fn program(&self) -> PathBuf {
        self.prefix.join("bin/goodstead")
    }

    /// The folders of trusted keys: the installed tree's, which a package leaves empty, and the admin's.
    pub(crate) fn trusted_keys(&self) -> [PathBuf; 2] {
        [self.prefix.join("etc/trusted-keys"), self.own_trusted_keys()]
    }

    /// The folder into which an admin puts the keys to trust, and the list of those that were withdrawn.
    pub(crate) fn own_trusted_keys(&self) -> PathBuf {
        self.config.join("trusted-keys")
    }

    /// The configuration file, which need not exist.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("agent.toml")
    }

    /// What the customer licensed; it need not exist.
    pub(crate) fn entitlement(&self) -> PathBuf {
        self.config.join("entitlement.toml")
    }

    /// The signature beside it.
    pub(crate) fn entitlement_signature(&self) -> PathBuf {
        self.config.join("entitlement.toml.minisig")
    }

    /// The state database.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.state.join("state.db")
    }
}

fn user_folder(variable: &str, home: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named.or_else(|| Some(env::home_dir().filter(|path| path.is_absolute())?.join(home)))?;
    Some(base.join("goodstead"))
}
