//! The Debian packages that the tests use.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::{succeed, target};

/// A package, and a sign that it or its like is there.
struct Package {
    name: &'static str,
    present: fn() -> bool,
}

const PACKAGES: [Package; 12] = [
    Package {
        name: "postgresql",
        present: || Path::new("/usr/lib/postgresql").read_dir().is_ok_and(|mut it| it.next().is_some()),
    },
    Package { name: "pgbackrest", present: || found("pgbackrest") },
    Package { name: "chromium", present: || found("chromium") },
    Package { name: "chromium-driver", present: || found("chromedriver") },
    // Fetches the accessibility checker.
    Package { name: "npm", present: || found("npm") },
    Package { name: "gcc", present: || found("cc") },
    Package { name: "make", present: || found("make") },
    Package { name: "git", present: || found("git") },
    Package { name: "dpkg-dev", present: || found("dpkg-shlibdeps") },
    Package { name: "mmdebstrap", present: || found("mmdebstrap") },
    // Rates how far the units are closed, and verifies them; nothing of it is started.
    Package { name: "systemd", present: || found("systemd-analyze") },
    Package { name: "libc6-dev", present: || Path::new("/usr/include/stdint.h").exists() },
];

/// Installs what is missing, as root or with sudo.
///
/// # Errors
/// Without either: with the one line to run.
pub(crate) fn install_missing() -> Result<()> {
    let missing: Vec<_> =
        PACKAGES.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line =
        format!("apt-get update && apt-get install --yes --no-install-recommends {}", missing.join(" "));
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    let sudo = || {
        Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
    };
    println!("installing {}", missing.join(", "));
    let mut shell = if root {
        Command::new("sh")
    } else if sudo() {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        bail!(
            "the tests need packages that are not installed; run this line and try again:\n  sudo sh -c '{line}'"
        );
    };
    succeed(shell.arg("-c").arg(format!("export DEBIAN_FRONTEND=noninteractive; {line}")))
}

/// Packages of which only a program is used. They are unpacked beside what is built and not installed: their services
/// would be started and listen.
const UNPACKED: [(&str, &str); 1] = [("prometheus", "usr/bin/promtool")];

/// Unpacks what is missing; this needs no rights.
///
/// # Errors
/// The package cannot be fetched, for example because apt has no lists yet.
pub(crate) fn unpack_missing() -> Result<()> {
    let tools = target().join("tools");
    for (package, program) in UNPACKED.iter().filter(|(_, program)| !tools.join(program).is_file()) {
        println!("unpacking {package}");
        let folder = tempfile::tempdir()?;
        let fetched = succeed(Command::new("apt-get").args(["download", package]).current_dir(folder.path()));
        fetched.with_context(|| format!("cannot fetch {package}; does `apt-get update` help?"))?;
        for file in fs::read_dir(folder.path())? {
            succeed(Command::new("dpkg-deb").arg("--extract").arg(file?.path()).arg(&tools))?;
        }
        ensure!(tools.join(program).is_file(), "{package} holds no {program}");
    }
    Ok(())
}

fn found(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
