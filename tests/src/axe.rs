//! axe-core, the accessibility checker that runs in a page: fetched once with npm, of one version and with one hash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use sha2::{Digest, Sha512};

/// Its package, which is licensed under the MPL 2.0 and never shipped.
const PACKAGE: &str = "axe-core-4.14.1.tgz";

/// SHA-512 of that package, as the registry's `dist.integrity` says it in another notation.
const HASH: &str = "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5";

/// One fetches, the others wait.
static FETCHING: Mutex<()> = Mutex::new(());

/// The checker's script; it defines `axe`. `folder` keeps the package.
///
/// # Panics
/// When it cannot be fetched, or is not the one that was looked at.
pub fn script(folder: &Path) -> String {
    let _alone = FETCHING.lock();
    let package = folder.join(PACKAGE);
    if !package.exists() {
        fetch(folder);
    }
    let bytes = fs::read(&package).expect("the package");
    let hash: String = Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, HASH, "{} is another package: remove it and try again", package.display());
    let mut tar = Command::new("tar");
    let output = tar.arg("-xzOf").arg(&package).arg("package/axe.min.js").output().expect("tar runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a script")
}

/// Beside its place first, so that half a package never lies there.
fn fetch(folder: &Path) {
    let beside: PathBuf = folder.join(format!("axe-core-{}", std::process::id()));
    fs::create_dir_all(&beside).expect("a folder");
    let name = PACKAGE.trim_end_matches(".tgz").replace("core-", "core@");
    let mut npm = Command::new("npm");
    npm.args(["pack", &name, "--silent", "--pack-destination"]).arg(&beside).current_dir(&beside);
    let output = npm.output().expect("npm runs: `cargo xtask test` installs it");
    assert!(output.status.success(), "{name} cannot be fetched: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(beside.join(PACKAGE), folder.join(PACKAGE)).expect("the package");
    fs::remove_dir_all(beside).expect("an empty folder");
}
