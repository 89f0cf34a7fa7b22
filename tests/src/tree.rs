//! A copy of the staged tree with a configuration and a state of its own.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The copy. Gone with the value.
pub struct Tree {
    folder: TempDir,
    /// What the test configured.
    configuration: RefCell<String>,
    /// Unsigned plugins and packs, which the configuration allows.
    unsigned: RefCell<Vec<PathBuf>>,
}

/// How a run of `goodstead` ended.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; -1 after a signal.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Run {
    /// Reads an output.
    pub fn of(output: Output) -> Self {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it wrote to standard output, however its lines were wrapped.
    pub fn words(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The report on standard output.
    pub fn report(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no report: {error}\n{self:?}"))
    }
}

impl Tree {
    /// Copies the staged tree. The files that are shared are never written to.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Tree {
        // What others may write to is not believed, and everything here is to be, whatever the umask of this run.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let folder = tempfile::Builder::new().prefix("goodstead-test-").tempdir().expect("a folder");
        // Other users than the one who runs the tests start programs from here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        copy_folder(&crate::stage(), &folder.path().join("tree"));
        fs::create_dir(folder.path().join("config")).expect("a folder");
        Tree { folder, configuration: RefCell::default(), unsigned: RefCell::default() }
    }

    /// A path in the tree.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join("tree").join(inside)
    }

    /// A path in the configuration folder.
    pub fn config(&self, inside: &str) -> PathBuf {
        self.folder.path().join("config").join(inside)
    }

    /// A path beside tree, configuration and state.
    pub fn scratch(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Writes `agent.toml`: this text, and what was allowed unsigned.
    pub fn configure(&self, text: &str) {
        *self.configuration.borrow_mut() = text.to_owned();
        self.write_configuration();
    }

    /// Allows a folder without a signature, whatever else is or will be configured.
    pub fn allow_unsigned(&self, folder: &Path) {
        self.unsigned.borrow_mut().push(folder.to_owned());
        self.write_configuration();
    }

    fn write_configuration(&self) {
        let mut text = self.configuration.borrow().clone();
        let unsigned = self.unsigned.borrow();
        if !unsigned.is_empty() {
            text.push_str(&format!("\n[signatures]\nallow_unsigned = {unsigned:?}\n"));
        }
        let file = self.config("agent.toml");
        fs::write(&file, text).expect("the configuration");
        // Only a configuration that nobody else may write to can allow anything.
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("a mode");
    }

    /// Writes a file of a local pack, and its `pack.toml` if there is none.
    pub fn local_check(&self, pack: &str, file: &str, text: &str) {
        let folder = self.config("checks").join(pack);
        fs::create_dir_all(&folder).expect("a folder");
        let manifest = folder.join("pack.toml");
        if !manifest.exists() {
            let text = format!(
                "name = \"{pack}\"\ntitle = \"Local\"\nversion = \"0.1.0\"\n[requires]\nlinux = \"^0.1\"\n"
            );
            fs::write(manifest, text).expect("a pack");
        }
        fs::write(folder.join(file), text).expect("a check");
    }

    /// The folder of a plugin of the test's own, made if need be and allowed without a signature.
    pub fn plugin(&self, name: &str) -> PathBuf {
        let folder = self.path("lib/goodstead/plugins").join(name);
        if !folder.exists() {
            fs::create_dir_all(&folder).expect("a folder");
            self.allow_unsigned(&folder);
        }
        folder
    }

    /// `goodstead` with this tree's configuration and state, and no colours.
    pub fn goodstead(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/goodstead"));
        command.arg("--config-dir").arg(self.folder.path().join("config"));
        command.arg("--state-dir").arg(self.folder.path().join("state"));
        command.args(arguments).env("NO_COLOR", "1").stdin(std::process::Stdio::null());
        command
    }

    /// Runs `goodstead` to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.goodstead(arguments).output().expect("goodstead runs"))
    }

    /// Runs `goodstead check … --format json` and reads the report.
    pub fn check(&self, arguments: &[&str]) -> (Run, Json) {
        let run = self.run(&[&["check", "--format", "json"], arguments].concat());
        let report = run.report();
        (run, report)
    }
}

/// The judgement of a check on a target in a report.
pub fn verdict<'a>(report: &'a Json, id: &str, target: &str) -> &'a Json {
    let verdicts = report["verdicts"].as_array().expect("verdicts");
    verdicts
        .iter()
        .find(|verdict| verdict["id"] == id && verdict["target"] == target)
        .unwrap_or_else(|| panic!("no verdict of {id} on {target} in {report:#}"))
}

/// Links what does not change and is large; copies the rest.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the staged tree") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).expect("a copy");
        }
    }
}
