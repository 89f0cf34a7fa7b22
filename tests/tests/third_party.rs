//! A plugin of somebody else, from its author's folder into the installed tree and out again: signed, packed, verified,
//! consented to, replaced, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use goodstead_tests::foreign::{compile, manifest};
use goodstead_tests::tree::{Run, Tree};
use minisign::{KeyPair, SecretKey};
use sha2::{Digest, Sha256};

const CHECK: &str = "lib/goodstead/plugins/acme/plugin.toml";

/// An author's folder with a plugin and a pack, their key, and an admin's tree that trusts it for what is theirs.
struct Scene {
    tree: Tree,
    key: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        let tree = Tree::new();
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let key = tree.scratch("acme.key");
        // As `minisign -G -W` writes it: the checksum at the end of a key without a password is empty.
        let mut bytes = pair.sk.to_bytes();
        let checksum = bytes.len() - 32;
        bytes[checksum..].fill(0);
        let written = SecretKey::from_bytes(&bytes).unwrap().to_box(None).unwrap();
        fs::write(&key, written.into_string()).unwrap();
        let folder = tree.config("trusted-keys");
        fs::create_dir(&folder).unwrap();
        for (name, text) in [
            ("acme.pub", pair.pk.to_box().unwrap().into_string()),
            ("acme.toml", "[scope]\nplugins = [\"acme\"]\npacks = [\"acme\"]\n".to_owned()),
        ] {
            fs::write(folder.join(name), text).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        let scene = Scene { tree, key };
        scene.author("1.0.0");
        scene
    }

    fn plugin(&self) -> PathBuf {
        self.tree.scratch("work/acme")
    }

    fn pack(&self) -> PathBuf {
        self.tree.scratch("work/checks/acme")
    }

    /// Writes the plugin and the pack in a version.
    fn author(&self, version: &str) {
        fs::create_dir_all(self.plugin()).unwrap();
        fs::create_dir_all(self.pack()).unwrap();
        let text = manifest("acme", "").replace("0.1.0", version);
        fs::write(self.plugin().join("plugin.toml"), text).unwrap();
        compile("GOOD", &self.plugin().join("libforeign.so"));
        let header = format!(
            "name = \"acme\"\ntitle = \"Acme\"\nversion = \"{version}\"\n[requires]\nacme = \"^{version}\"\n"
        );
        fs::write(self.pack().join("pack.toml"), header).unwrap();
        let check = "id = \"acme.greets\"\ntitle = \"It does not greet\"\nsince = \"1.0.0\"\nconcern = \"operability\"\n\
            impact = \"low\"\nlikelihood = \"low\"\npass = 'acme.greeting != \"\"'\nevidence = ['acme.greeting']\n\
            why = \"It should.\"\nremedy = \"Greet.\"\n[[case]]\nname = \"it does\"\n\
            facts.acme.greeting = \"hello\"\nexpect = \"pass\"\n[[case]]\nname = \"it does not\"\n\
            facts.acme.greeting = \"\"\nexpect = \"fail\"\n[[case]]\nname = \"nobody knows\"\n\
            facts.acme.greeting = \"$unknown\"\nexpect = \"unknown\"\n";
        fs::write(self.pack().join("greets.toml"), check).unwrap();
    }

    fn run(&self, arguments: &[&dyn AsRef<Path>]) -> Run {
        let words: Vec<_> = arguments.iter().map(|it| it.as_ref().display().to_string()).collect();
        let words: Vec<_> = std::iter::once("plugins").chain(words.iter().map(String::as_str)).collect();
        self.tree.run(&words)
    }

    fn sign(&self) {
        let run = self.run(&[&"sign", &"--key", &self.key, &self.plugin(), &self.pack()]);
        assert!(run.code == 0 && run.stdout.contains("signed the plugin acme"), "{run:?}");
    }

    /// The packed file.
    fn packed(&self) -> PathBuf {
        let file = self.tree.scratch("acme.tar");
        let run = self.run(&[&"pack", &self.plugin(), &"--pack", &self.pack(), &"--output", &file]);
        assert!(run.code == 0 && run.stdout.contains("packed the plugin acme"), "{run:?}");
        file
    }

    fn installed(&self) -> Option<String> {
        fs::read_to_string(self.tree.path(CHECK)).ok()
    }
}

#[test]
fn what_an_author_signed_and_packed_is_installed_with_consent_used_and_removed() {
    let scene = Scene::new();
    scene.sign();
    let file = scene.packed();
    let sum = fs::read_to_string(scene.tree.scratch("acme.tar.sha256")).unwrap();
    let hash: String =
        Sha256::digest(fs::read(&file).unwrap()).iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(sum, format!("{hash}  acme.tar\n"));

    let asked = scene.run(&[&"install", &file]);
    assert!(asked.code == 2 && asked.stderr.contains("--yes"), "{asked:?}");
    for words in ["Signed by acme.pub", "It may read", "/etc/os-release", "The pack acme 1.0.0 has 1 checks"]
    {
        assert!(asked.stdout.contains(words), "{words}: {asked:?}");
    }
    assert_eq!(scene.installed(), None, "nothing happens without consent");

    let run = scene.run(&[&"install", &"--yes", &file]);
    assert!(run.code == 0 && run.stdout.contains("installed acme"), "{run:?}");
    let (run, report) = scene.tree.check(&["acme"]);
    assert!(run.stderr.is_empty(), "{run:?}");
    assert_eq!(report["plugins"]["acme"]["signature"]["key"], "acme.pub", "{report:#}");
    assert_eq!(report["verdicts"][0]["id"], "acme.greets", "{report:#}");
    let mode = |path: &str| fs::metadata(scene.tree.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(CHECK), mode("lib/goodstead/plugins/acme")), (0o644, 0o755));

    // A newer one replaces it as a whole, and an older one does not come back by itself.
    scene.author("1.1.0");
    scene.sign();
    let newer = fs::read(scene.packed()).unwrap();
    let old = scene.tree.scratch("old.tar");
    fs::write(&old, newer).unwrap();
    fs::rename(&old, scene.tree.scratch("newer.tar")).unwrap();
    let run = scene.run(&[&"install", &"--yes", &scene.tree.scratch("newer.tar")]);
    assert!(run.code == 0 && run.stdout.contains("It replaces acme 1.0.0"), "{run:?}");
    scene.author("1.0.0");
    scene.sign();
    let older = scene.packed();
    let run = scene.run(&[&"install", &"--yes", &older]);
    assert!(run.code == 2 && run.stderr.contains("older than 1.1.0"), "{run:?}");
    assert!(scene.installed().unwrap().contains("1.1.0"));
    let run = scene.run(&[&"install", &"--yes", &"--allow-downgrade", &older]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(scene.tree.check(&["acme"]).1["plugins"].get("acme").is_some());

    let asked = scene.run(&[&"remove", &"acme"]);
    assert!(asked.code == 2 && scene.installed().is_some(), "{asked:?}");
    let run = scene.run(&[&"remove", &"--yes", &"acme"]);
    assert!(run.code == 0 && scene.installed().is_none(), "{run:?}");
    assert!(!scene.tree.path("share/goodstead/checks/acme").exists());
    assert_eq!(
        fs::read_dir(scene.tree.path("lib/goodstead/installed")).unwrap().count(),
        0,
        "nothing is left"
    );
    for name in ["acme", "linux", "../linux", ""] {
        let run = scene.run(&[&"remove", &"--yes", &name]);
        assert!(run.code == 2 && run.stderr.contains("was not installed by"), "{name}: {run:?}");
    }
    assert!(scene.tree.path("lib/goodstead/plugins/linux/plugin.toml").exists());
}

#[test]
fn only_what_is_whole_signed_and_in_scope_is_installed() {
    let scene = Scene::new();
    let refused = |file: &Path, words: &str| {
        let run = scene.run(&[&"install", &"--yes", &file]);
        assert!(run.code == 2 && run.stderr.contains(words), "{words}: {run:?}");
        assert_eq!(scene.installed(), None, "{words}");
        let left = fs::read_dir(scene.tree.path("lib/goodstead/installed")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{words}: nothing is left");
    };
    // Not packed before it is signed, nor after it was changed.
    let pack = || scene.run(&[&"pack", &scene.plugin(), &"--output", &scene.tree.scratch("x.tar")]);
    assert!(pack().stderr.contains("it is not signed"), "{:?}", pack());
    scene.sign();
    fs::write(scene.plugin().join("libforeign.so"), "another").unwrap();
    assert!(pack().stderr.contains("it was changed since it was signed"), "{:?}", pack());
    scene.author("1.0.0");
    scene.sign();
    let file = scene.packed();
    let good = fs::read(&file).unwrap();

    let bit = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, bad).unwrap();
    };
    bit(good.len() / 2);
    refused(&file, "is not the one that its checksum is of");
    fs::remove_file(scene.tree.scratch("acme.tar.sha256")).unwrap();
    let library = good.windows(4).position(|bytes| bytes == b"\x7fELF").unwrap();
    bit(library + 2000);
    refused(&file, "its library libforeign.so is not as it was signed");
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    refused(&file, "this is not an archive that can be installed");
    fs::write(&file, "nonsense").unwrap();
    refused(&file, "archive");
    fs::write(&file, &good).unwrap();

    // By a key that is trusted for something else, and by one that is not trusted.
    let scope = scene.tree.config("trusted-keys/acme.toml");
    fs::write(&scope, "[scope]\nplugins = [\"other\"]\npacks = [\"acme\"]\n").unwrap();
    refused(&file, "whose scope does not include the plugin `acme`");
    fs::write(&scope, "[scope]\nplugins = [\"acme\"]\n").unwrap();
    refused(&file, "the pack `acme` cannot be used");
    fs::remove_file(scene.tree.config("trusted-keys/acme.pub")).unwrap();
    refused(&file, "is not among them");
    for (odd, words) in [("missing.tar", "No such file"), ("work", "not a regular file")] {
        refused(&scene.tree.scratch(odd), words);
    }
}
