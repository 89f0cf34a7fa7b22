//! `cargo xtask dist`: what a customer gets, as a tarball and as Debian packages ([`crate::deb`]).
//!
//! The tree is the staged one without the development key, with manual pages, completions and papers: nothing in it
//! trusts anybody. The public key of whoever signed lies beside it for the admin to compare and to put among the trusted
//! ones. The same sources and compiler give the same bytes, but for the signatures, which have a grain of chance in
//! them: every time is that of the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use minisign::SecretKey;

use crate::deb;
use crate::sign::{read_key, sha256, sign_file, write_public_key};
use crate::stage::{copy, files_below, lay, sign_all};
use crate::{cargo, checkout, succeed, target};

/// The documents that an installation has, by their path in the checkout; those of `docs/` come with them. They keep
/// their paths, so that the links between them work.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "ASSURANCE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "desk/API.md",
];

/// Where completions lie in a tree, by the shell.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/goodstead"),
    ("zsh", "share/zsh/vendor-completions/_goodstead"),
    ("fish", "share/fish/vendor_completions.d/goodstead.fish"),
];

/// What one run makes, and for when.
pub(crate) struct Dist {
    /// The tree that an installation has below its prefix.
    pub(crate) tree: PathBuf,
    /// Where the products go.
    pub(crate) out: PathBuf,
    /// The file name of the public key.
    pub(crate) key: String,
    /// The time of every file, in seconds since 1970.
    pub(crate) epoch: u64,
    /// Whether small matters more than soon.
    pub(crate) small: bool,
}

/// Builds, lays, signs and packs; returns what it made.
pub(crate) fn run(key: &Path, out: Option<&Path>, profile: &str) -> Result<Vec<PathBuf>> {
    // First, so that a mistyped password does not cost a whole build.
    let secret = read_key(key)?;
    let out = out.map_or_else(|| target().join("dist"), Path::to_owned);
    let name = format!("goodstead-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let stem = key.file_stem().and_then(|name| name.to_str()).context("the key's file has no plain name")?;
    let dist = Dist {
        tree: out.join(&name),
        out,
        key: format!("{stem}.pub"),
        epoch: epoch()?,
        small: profile == "dist",
    };
    lay(profile, &dist.tree)?;
    if dist.small {
        ensure_stripped(&dist.tree)?;
    }
    sign_all(&dist.tree, &secret)?;
    write_public_key(&secret, &dist.tree.join("share/goodstead/keys").join(&dist.key))?;
    dist.papers()?;
    let mut made = vec![dist.tarball(&name)?];
    made.extend(deb::packages(&dist)?);
    made.extend(checksums(&dist.out, &made, &secret)?);
    Ok(made)
}

/// Writes `SHA256SUMS` over what was made, as `sha256sum --check` reads it, and its signature, so that a download can be
/// verified with the vendor's public key before anything of it runs.
fn checksums(out: &Path, made: &[PathBuf], key: &SecretKey) -> Result<[PathBuf; 2]> {
    let mut lines = String::new();
    for file in made {
        let name = file.file_name().and_then(|name| name.to_str()).context("a product has no plain name")?;
        lines.push_str(&format!("{}  {name}\n", sha256(&fs::read(file)?)));
    }
    let sums = out.join("SHA256SUMS");
    fs::write(&sums, &lines).with_context(|| format!("cannot write {}", sums.display()))?;
    let signature = sign_file(&sums, key, "goodstead checksums")?;
    Ok([sums, signature])
}

/// Refuses programs and libraries that still carry their symbol table: a third of their size, of no use to an admin.
/// They cannot be stripped later, because what is changed after it was signed does not run.
fn ensure_stripped(tree: &Path) -> Result<()> {
    for path in files_below(tree)? {
        let file = tree.join(&path);
        if !fs::read(&file)?.starts_with(b"\x7fELF") {
            continue;
        }
        let sections = Command::new("readelf").args(["--section-headers", "--wide"]).arg(&file).output();
        let sections = sections.context("cannot run readelf, which comes with binutils")?;
        ensure!(sections.status.success(), "readelf {path} ended with {}", sections.status);
        let listed = String::from_utf8_lossy(&sections.stdout);
        ensure!(
            !listed.contains(" .symtab "),
            "{path} is not stripped: set `strip` in Cargo.toml's dist profile"
        );
    }
    Ok(())
}

/// The time of the sources: what SOURCE_DATE_EPOCH says, else the last commit's.
fn epoch() -> Result<u64> {
    let told = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(told) => told,
        Err(_) => {
            let git = Command::new("git")
                .args(["log", "-1", "--format=%ct"])
                .current_dir(checkout())
                .output()
                .context("cannot run git; SOURCE_DATE_EPOCH says the time of the sources instead")?;
            String::from_utf8(git.stdout)?
        }
    };
    told.trim().parse().with_context(|| format!("{told:?} is no time of the sources: set SOURCE_DATE_EPOCH"))
}

impl Dist {
    /// The file names of the public key and of its scope.
    pub(crate) fn key_and_scope(&self) -> [String; 2] {
        let stem = self.key.trim_end_matches(".pub");
        [self.key.clone(), format!("{stem}.toml")]
    }

    /// Manual pages, completions, units and documents.
    fn papers(&self) -> Result<()> {
        let man = self.tree.join("share/man/man1");
        fs::create_dir_all(&man)?;
        for program in ["goodstead", "goodstead-desk"] {
            succeed(Command::new(self.tree.join("bin").join(program)).arg("manual").arg(&man))?;
        }
        for (shell, file) in COMPLETIONS {
            let goodstead = self.tree.join("bin/goodstead");
            let output = Command::new(goodstead).args(["completions", shell]).output()?;
            ensure!(output.status.success(), "goodstead completions {shell} ended with {}", output.status);
            let file = self.tree.join(file);
            fs::create_dir_all(file.parent().context("a completion lies in a folder")?)?;
            fs::write(&file, output.stdout)?;
        }
        for page in files_below(&checkout().join("packaging/man"))? {
            copy(
                &checkout().join("packaging/man").join(&page),
                &self.tree.join("share/man/man5").join(&page),
            )?;
        }
        let doc = self.tree.join("share/doc/goodstead");
        let docs = files_below(&checkout().join("docs"))?.into_iter().map(|file| format!("docs/{file}"));
        for document in DOCUMENTS.into_iter().map(str::to_owned).chain(docs) {
            copy(&checkout().join(&document), &doc.join(&document))?;
        }
        fs::write(doc.join("crates.txt"), crates()?)?;
        for unit in files_below(&checkout().join("packaging/systemd"))? {
            let from = checkout().join("packaging/systemd").join(&unit);
            copy(&from, &self.tree.join("share/goodstead/systemd").join(&unit))?;
        }
        Ok(())
    }

    fn tarball(&self, name: &str) -> Result<PathBuf> {
        let tarball = self.out.join(format!("{name}.tar.gz"));
        let level = if self.small { "gzip -9n" } else { "gzip -1n" };
        // What lies in the archive belongs to root wherever it is unpacked by root, and nobody else may write there.
        let mut tar = Command::new("tar");
        tar.args(["--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "--sort=name"]);
        tar.arg(format!("--mtime=@{}", self.epoch)).args(["--format=gnu", "--create"]);
        tar.args(["--use-compress-program", level]);
        succeed(tar.arg("--file").arg(&tarball).arg("--directory").arg(&self.out).arg(name))?;
        Ok(tarball)
    }
}

/// The crates that are linked in, each with its version and licence.
fn crates() -> Result<String> {
    let mut tree = cargo();
    tree.args(["tree", "--workspace", "--exclude", "xtask", "--exclude", "goodstead-tests"]);
    tree.args(["--exclude", "goodstead-hostile", "--exclude", "goodstead-fuzzed", "--locked"]);
    let output = tree.args(["--edges", "normal", "--prefix", "none", "--format", "{p}\t{l}"]).output()?;
    ensure!(output.status.success(), "cargo tree ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let of_others = text.lines().filter(|line| !line.contains("(/"));
    let mut lines: Vec<_> =
        of_others.map(|line| line.trim_end_matches(" (*)").replace(" (proc-macro)", "")).collect();
    lines.sort();
    lines.dedup();
    Ok(lines.join("\n") + "\n")
}
