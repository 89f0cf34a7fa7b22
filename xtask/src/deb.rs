//! The Debian packages: the tree of [`crate::dist`] below `/usr`, the agent and the desk apart.
//!
//! Made by `dpkg-deb`, which takes the tree as it was signed; cargo-deb would build and strip by itself, and what is
//! stripped after it was signed does not run. The agent's package puts the public key among the trusted ones, as a file
//! of the configuration: who installs a package as root trusts its maker with all of it, and may take the key away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::dist::Dist;
use crate::stage::{copy, files_below};
use crate::{checkout, succeed};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the keys are that the package trusts.
const TRUSTED: &str = "etc/goodstead/trusted-keys";

/// The beginnings of the paths that belong to the desk alone.
const DESK: [&str; 3] =
    ["bin/goodstead-desk", "share/man/man1/goodstead-desk", "share/goodstead/systemd/goodstead-desk"];

/// Makes both packages.
pub(crate) fn packages(dist: &Dist) -> Result<Vec<PathBuf>> {
    let of_desk = |path: &str| DESK.iter().any(|of_desk| path.starts_with(of_desk));
    let agent = Package::new(dist, "goodstead", "agent")?;
    let desk = Package::new(dist, "goodstead-desk", "desk")?;
    for path in files_below(&dist.tree)? {
        let package = if of_desk(&path) { &desk } else { &agent };
        let to = match path.strip_prefix("share/goodstead/systemd/") {
            Some(unit) => format!("usr/lib/systemd/system/{unit}"),
            None => format!("usr/{path}"),
        };
        package.take(&path, &to)?;
    }
    let mut trusted = String::new();
    for file in dist.key_and_scope() {
        agent.take(&format!("share/goodstead/keys/{file}"), &format!("{TRUSTED}/{file}"))?;
        trusted.push_str(&format!("/{TRUSTED}/{file}\n"));
    }
    let options = "etc/default/goodstead-desk";
    copy(&packaging("desk/default"), &desk.root.join(options))?;
    for (package, configuration) in [(&agent, trusted), (&desk, format!("/{options}\n"))] {
        fs::write(package.control("conffiles")?, configuration)?;
        for script in ["postinst", "prerm", "postrm"] {
            copy(&package.source(script), &package.control(script)?)?;
        }
        let overrides = package.root.join("usr/share/lintian/overrides").join(package.name);
        copy(&package.source("lintian-overrides"), &overrides)?;
    }
    Ok(vec![agent.build()?, desk.build()?])
}

fn packaging(file: &str) -> PathBuf {
    checkout().join("packaging/debian").join(file)
}

/// A package that is being laid.
struct Package<'a> {
    dist: &'a Dist,
    name: &'static str,
    /// The directory of its control files below `packaging/debian`.
    source: &'static str,
    root: PathBuf,
}

impl<'a> Package<'a> {
    fn new(dist: &'a Dist, name: &'static str, source: &'static str) -> Result<Self> {
        let root = dist.out.join("deb").join(name);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        Ok(Package { dist, name, source, root })
    }

    /// A file of `packaging/debian` that is this package's own.
    fn source(&self, file: &str) -> PathBuf {
        packaging(self.source).join(file)
    }

    /// Takes a file of the tree.
    fn take(&self, from: &str, to: &str) -> Result<()> {
        copy(&self.dist.tree.join(from), &self.root.join(to))
    }

    /// A file of the package's control.
    fn control(&self, file: &str) -> Result<PathBuf> {
        let folder = self.root.join("DEBIAN");
        fs::create_dir_all(&folder)?;
        Ok(folder.join(file))
    }

    fn build(&self) -> Result<PathBuf> {
        self.papers()?;
        let mut programs = Vec::new();
        let mut bytes = 0;
        for path in files_below(&self.root)? {
            let file = self.root.join(&path);
            bytes += file.metadata()?.len();
            let start = fs::read(&file)?;
            let program = start.starts_with(b"\x7fELF");
            let script = path.starts_with("DEBIAN/") && start.starts_with(b"#!");
            let runs = script || (program && !path.ends_with(".so"));
            fs::set_permissions(&file, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
            programs.extend(program.then_some(file));
        }
        let control = fs::read_to_string(self.source("control"))?;
        let control = control.replace("@depends@", &dependencies(&programs)?);
        let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
        let size = bytes.div_ceil(1024);
        let fields = format!("Version: {VERSION}\nArchitecture: {architecture}\nInstalled-Size: {size}\n");
        fs::write(self.control("control")?, control.replacen("Section:", &format!("{fields}Section:"), 1))?;
        let sums = "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums";
        // Folders as root has them: what comes from a checkout has the umask of whoever made it.
        let folders = "find . -type d -exec chmod 755 {} +";
        let line = format!("{sums} && chmod 644 DEBIAN/md5sums DEBIAN/control && {folders}");
        succeed(Command::new("sh").args(["-ec", &line]).current_dir(&self.root))?;

        let package = self.dist.out.join(format!("{}_{VERSION}_{architecture}.deb", self.name));
        let mut build = Command::new("dpkg-deb");
        build.env("SOURCE_DATE_EPOCH", self.dist.epoch.to_string()).arg("--root-owner-group");
        build.args(if self.dist.small { ["-Zxz", "-z9"] } else { ["-Zgzip", "-z1"] });
        succeed(build.arg("--build").arg(&self.root).arg(&package))?;
        Ok(package)
    }

    /// Copyright and changelog as Debian has them, and manual pages packed.
    fn papers(&self) -> Result<()> {
        let doc = self.root.join("usr/share/doc").join(self.name);
        fs::create_dir_all(&doc)?;
        fs::write(doc.join("copyright"), copyright()?)?;
        let date = output(
            Command::new("date")
                .args(["-u", "-R", "-d", &format!("@{}", self.dist.epoch)])
                .env("LC_ALL", "C"),
        )?;
        let changelog = format!(
            "{} ({VERSION}) stable; urgency=medium\n\n  * CHANGELOG.md says what changed.\n\n -- {MAINTAINER}  {date}\n",
            self.name
        );
        fs::write(doc.join("changelog"), changelog)?;
        let pack = "find usr/share/man usr/share/doc/*/changelog -type f -exec gzip -9n {} +";
        succeed(Command::new("sh").args(["-ec", pack]).current_dir(&self.root))
    }
}

/// Who answers for the packages.
const MAINTAINER: &str = "The Goodstead authors <goodstead@example.test>";

/// The copyright file: what is Debian's form, and the short licence as the checkout has it.
fn copyright() -> Result<String> {
    let license = fs::read_to_string(checkout().join("LICENSE-MIT"))?;
    let start = license.find("Permission is").context("LICENSE-MIT has another text")?;
    let text = license.get(start..).unwrap_or_default().trim_end();
    let lines = text.lines().map(|line| format!(" {}\n", if line.is_empty() { "." } else { line }));
    Ok(fs::read_to_string(packaging("copyright"))? + &lines.collect::<String>())
}

/// The packages that programs and libraries need, as Debian finds them.
fn dependencies(programs: &[PathBuf]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("debian"))?;
    fs::write(
        folder.path().join("debian/control"),
        "Source: goodstead\n\nPackage: goodstead\nArchitecture: any\n",
    )?;
    let mut find = Command::new("dpkg-shlibdeps");
    find.arg("-O").args(programs.iter().map(|program| format!("-e{}", program.display())));
    let found = output(find.current_dir(folder.path()))?;
    match found.strip_prefix("shlibs:Depends=") {
        Some(packages) => Ok(packages.to_owned()),
        None => bail!("dpkg-shlibdeps tells no dependencies: {found}"),
    }
}

/// What a command says, in one line.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program:?}: the Debian packages are made with dpkg-dev"))?;
    ensure!(
        output.status.success(),
        "{program:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
