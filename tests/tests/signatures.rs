//! Who vouches for what: everything that is not exactly what a trusted key signed is refused with the reason, and the
//! rest of the scan goes on.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use goodstead_tests::foreign::{compile, manifest};
use goodstead_tests::tree::{Run, Tree};
use minisign::KeyPair;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

const PLUGINS: &str = "lib/goodstead/plugins";
const PACKS: &str = "share/goodstead/checks";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

/// The key's id as the minisign tool writes it.
fn id(key: &KeyPair) -> String {
    key.pk.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Signs files of a folder as docs/SIGNING.md describes it, independently of `cargo xtask`.
fn sign(folder: &Path, kind: &str, name: &str, files: &[&str], key: &KeyPair) {
    sign_version(folder, kind, name, "0.1.0", files, key);
}

fn sign_version(folder: &Path, kind: &str, name: &str, version: &str, files: &[&str], key: &KeyPair) {
    let mut files = files.to_vec();
    files.sort_unstable();
    let mut statement = format!("goodstead {kind} 1\nname {name}\nversion {version}\n");
    for file in files {
        let bytes = fs::read(folder.join(file)).unwrap();
        statement += &format!("{}  {}  {file}\n", sha256(&bytes), bytes.len());
    }
    let signature = minisign::sign(None, &key.sk, statement.as_bytes(), None, None).unwrap().into_string();
    replace(&folder.join(format!("{kind}.sig")), format!("{}\n\n{statement}", signature.trim_end()));
}

/// Writes a file anew: those of the tree are linked with the staged ones.
fn replace(file: &Path, bytes: impl AsRef<[u8]>) {
    let _ = fs::remove_file(file);
    fs::write(file, bytes).unwrap();
}

/// Flips the lowest bit of the byte at which `part` begins.
fn flip(file: &Path, part: &str) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(part.len()).position(|window| window == part.as_bytes()).expect("it is there");
    bytes[at] ^= 1;
    replace(file, bytes);
}

/// Puts a key among the admin's trusted ones.
fn trust(tree: &Tree, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let folder = tree.config("trusted-keys");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    file
}

fn public(key: &KeyPair) -> String {
    key.pk.to_box().unwrap().into_string()
}

/// A plugin in C beside the shipped ones, which nobody vouches for yet.
fn foreign(tree: &Tree) -> PathBuf {
    let folder = tree.path(PLUGINS).join("foreign");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plugin.toml"), manifest("foreign", "")).unwrap();
    compile("GOOD", &folder.join("libforeign.so"));
    folder
}

fn sign_foreign(folder: &Path, key: &KeyPair) {
    sign(folder, "plugin", "foreign", &["plugin.toml", "libforeign.so"], key);
}

/// That the plugin was not run, for this reason, that everybody hears of it, and that the host was judged.
fn refused(tree: &Tree, plugin: &str, reason: &str) -> (Run, Json) {
    let (run, report) = tree.check(&["--fail-on", "never"]);
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains(&format!("{plugin}: the plugin was not run: ")), "{warnings}");
    assert!(warnings.contains(reason), "{reason} is missing in {warnings}");
    assert!(report["plugins"].get(plugin).is_none(), "it was not used: {report:#}");
    assert_eq!(report["access"][plugin]["granted"], 0, "it asked for nothing: {report:#}");
    let targets = report["targets"].as_array().unwrap();
    assert!(targets.iter().any(|it| it["id"] == plugin), "its checks count as not judged: {report:#}");
    host_is_whole(&report);
    let list = tree.run(&["plugins", "list"]);
    let line = list.stdout.lines().find(|line| line.starts_with(plugin)).unwrap().to_owned();
    assert!(line.contains("refused: "), "{list:?}");
    let inspected = tree.run(&["plugins", "inspect", plugin]);
    assert!(inspected.stdout.starts_with("Refused: ") && inspected.stdout.contains(reason), "{inspected:?}");
    (run, report)
}

fn host_is_whole(report: &Json) {
    let linux = report["verdicts"].as_array().unwrap().iter().filter(|it| it["target"] == "linux");
    let passed = linux.filter(|it| it["verdict"] == "pass").count();
    assert!(passed >= 3, "the host's facts came through: {report:#}");
}

#[test]
fn a_plugin_with_one_bit_changed_is_not_run_and_the_rest_is() {
    for (file, part, reason) in [
        (
            "libgoodstead_postgresql.so",
            "goodstead",
            "its library libgoodstead_postgresql.so is not as it was signed",
        ),
        ("plugin.toml", "PostgreSQL", "its plugin.toml is not as it was signed"),
        ("plugin.sig", "name postgresql", "its signature was not made by the key"),
        ("plugin.sig", "trusted comment: goodstead plugin", "its plugin.sig is no signature"),
    ] {
        let tree = Tree::new();
        flip(&tree.path(PLUGINS).join("postgresql").join(file), part);
        let (run, report) = refused(&tree, "postgresql", reason);
        assert_eq!(
            run.code, 0,
            "{file}: a plugin that is refused leaves the exit code to the findings: {run:?}"
        );
        let lost = report["verdicts"].as_array().unwrap().iter().filter(|it| it["target"] == "postgresql");
        let causes: Vec<_> = lost.map(|it| (&it["verdict"], &it["cause"]["kind"])).collect();
        assert!(!causes.is_empty(), "{report:#}");
        for cause in causes {
            assert_eq!(cause, (&Json::from("unknown"), &Json::from("not-permitted")), "{file}");
        }
    }
}

#[test]
fn a_pack_with_one_bit_changed_is_not_used_and_the_rest_is() {
    for (file, part, reason) in [
        ("fsync-off.toml", "Committed", "its file fsync-off.toml is not as it was signed"),
        ("pack.toml", "PostgreSQL", "its file pack.toml is not as it was signed"),
        ("pack.sig", "version", "its signature was not made by the key"),
    ] {
        let tree = Tree::new();
        flip(&tree.path(PACKS).join("postgresql").join(file), part);
        pack_refused(&tree, reason);
    }
}

#[test]
fn a_pack_with_a_file_more_or_less_is_not_used() {
    for extra in ["more.toml", "README.md", "below/more.toml", ".hidden"] {
        let tree = Tree::new();
        let file = tree.path(PACKS).join("postgresql").join(extra);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "# nobody signed this\n").unwrap();
        pack_refused(&tree, &format!("its file {extra} was not signed with it"));
    }
    let tree = Tree::new();
    fs::remove_file(tree.path(PACKS).join("postgresql/fsync-off.toml")).unwrap();
    pack_refused(&tree, "its file fsync-off.toml is missing");
    let tree = Tree::new();
    fs::remove_file(tree.path(PACKS).join("postgresql/pack.sig")).unwrap();
    pack_refused(&tree, "it is not signed by a trusted key: it has no pack.sig");
}

/// That the pack of PostgreSQL is told as broken input, and that the host was judged by its own.
fn pack_refused(tree: &Tree, reason: &str) {
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 2, "a pack that was tampered with is broken input: {run:?}");
    assert!(run.stderr.contains("the pack `postgresql` is not used"), "{run:?}");
    assert!(run.stderr.contains(reason) && run.stderr.contains("pack.sig"), "{reason}: {run:?}");
    assert!(report["warnings"].to_string().contains(reason), "{report:#}");
    let packs: Vec<_> = report["packs"].as_array().unwrap().iter().map(|pack| &pack["name"]).collect();
    assert_eq!(packs, ["linux"], "{report:#}");
    host_is_whole(&report);
    let list = tree.run(&["checks", "list"]);
    assert!(
        list.code == 2 && list.stderr.contains(reason) && !list.stdout.contains("postgresql."),
        "{list:?}"
    );
}

#[test]
fn a_key_counts_once_it_is_trusted_and_until_it_is_withdrawn() {
    let tree = Tree::new();
    let (old, new) = (key(), key());
    let folder = foreign(&tree);
    sign_foreign(&folder, &new);
    refused(&tree, "foreign", &format!("the key {} is not among them", id(&new)));

    // Rotation: both are trusted for a while, and what either signed runs.
    trust(&tree, "acme-2025.pub", public(&old));
    trust(&tree, "acme-2026.pub", public(&new));
    for (key, name) in [(&old, "acme-2025.pub"), (&new, "acme-2026.pub")] {
        sign_foreign(&folder, key);
        let (run, report) = tree.check(&["--fail-on", "never"]);
        assert_eq!(run.code, 0, "{run:?}");
        let signature = serde_json::json!({ "kind": "signed", "key": name });
        assert_eq!(report["plugins"]["foreign"]["signature"], signature, "{report:#}");
        assert!(
            tree.run(&["plugins", "inspect", "foreign"]).stdout.starts_with(&format!("Signed by {name}\n"))
        );
    }

    let list = format!("[[revoked]]\nkey = \"{}\"\nreason = \"stolen in May\"\n", id(&new).to_lowercase());
    trust(&tree, "revoked.toml", list);
    let (run, _) = refused(&tree, "foreign", "was withdrawn: stolen in May");
    assert_eq!(run.code, 0, "{run:?}");
    sign_foreign(&folder, &old);
    assert!(tree.run(&["plugins", "list"]).stdout.contains("acme-2025.pub"), "the other key still counts");
}

#[test]
fn a_single_plugin_or_pack_can_be_withdrawn_and_also_when_unsigned_is_allowed() {
    let tree = Tree::new();
    let library = fs::read(tree.path(PLUGINS).join("postgresql/libgoodstead_postgresql.so")).unwrap();
    let withdraw = |bytes: &[u8]| {
        let list = format!("[[revoked]]\nsha256 = \"{}\"\nreason = \"reads too much\"\n", sha256(bytes));
        trust(&tree, "revoked.toml", list);
    };
    withdraw(&library);
    refused(&tree, "postgresql", "was withdrawn: reads too much");

    let signature = fs::read_to_string(tree.path(PACKS).join("postgresql/pack.sig")).unwrap();
    withdraw(signature.split_once("\n\n").unwrap().1.as_bytes());
    pack_refused(&tree, "was withdrawn: reads too much");

    withdraw(&fs::read(tree.path(PACKS).join("postgresql/fsync-off.toml")).unwrap());
    pack_refused(&tree, "was withdrawn: reads too much");

    let folder = foreign(&tree);
    tree.allow_unsigned(&folder);
    withdraw(&fs::read(folder.join("libforeign.so")).unwrap());
    refused(&tree, "foreign", "was withdrawn: reads too much");
}

#[test]
fn a_valid_signature_over_something_else_does_not_count() {
    let tree = Tree::new();
    let other = fs::read(tree.path(PLUGINS).join("linux/plugin.sig")).unwrap();
    replace(&tree.path(PLUGINS).join("postgresql/plugin.sig"), &other);
    refused(&tree, "postgresql", "its signature is that of the plugin `linux` 0.1.0");
    replace(&tree.path(PACKS).join("postgresql/pack.sig"), &other);
    pack_refused(&tree, "its signature is about something else than a pack");
    let other = fs::read(tree.path(PACKS).join("linux/pack.sig")).unwrap();
    replace(&tree.path(PACKS).join("postgresql/pack.sig"), &other);
    pack_refused(&tree, "its signature is that of the pack `linux` 0.1.0");

    // By a trusted key, and still not about exactly the manifest and the library.
    let tree = Tree::new();
    let (folder, key) = (foreign(&tree), key());
    trust(&tree, "acme.pub", public(&key));
    fs::write(folder.join("more"), "more").unwrap();
    for files in [&["plugin.toml"][..], &["plugin.toml", "libforeign.so", "more"]] {
        sign(&folder, "plugin", "foreign", files, &key);
        refused(&tree, "foreign", "its signature is not about plugin.toml and libforeign.so alone");
    }
}

#[test]
fn a_key_that_cannot_be_relied_on_is_named_and_not_used() {
    let signer = key();
    let writable = |file: &Path| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    let garbage = |file: &Path| fs::write(file, [0, 159, 146, 150]).unwrap();
    let no_key = |file: &Path| fs::write(file, "untrusted comment: x\nnonsense\n").unwrap();
    let large = |file: &Path| fs::write(file, public(&signer) + &"x".repeat(5000)).unwrap();
    let fifo = |file: &Path| {
        fs::remove_file(file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
    };
    type Case<'a> = (&'a dyn Fn(&Path), &'a str, &'a str);
    let cases: [Case<'_>; 5] = [
        (&writable, "others may write to it (mode 666)", "acme.pub"),
        (&garbage, "it is not UTF-8 text", "acme.pub"),
        (&no_key, "it is not a minisign public key", "acme.pub"),
        (&large, "it is larger than 4 KiB", "acme.pub"),
        (&fifo, "it is not a regular file", "acme.pub"),
    ];
    for (spoil, words, named) in cases {
        let tree = Tree::new();
        sign_foreign(&foreign(&tree), &signer);
        let file = trust(&tree, "acme.pub", public(&signer));
        spoil(&file);
        let (run, report) = refused(&tree, "foreign", "it is not signed by a trusted key");
        assert_eq!(run.code, 2, "a key that cannot be used is broken input: {run:?}");
        assert!(run.stderr.contains(words) && run.stderr.contains(named), "{words}: {run:?}");
        assert!(report["warnings"].to_string().contains(words), "{report:#}");
    }
}

#[test]
fn a_list_of_withdrawn_keys_that_cannot_be_read_stops_all_that_is_signed() {
    for (list, place, words) in [
        (
            "[[revoked]]\nkey = \"0123456789ABCDEF\"\nraeson = \"x\"\n",
            "revoked.toml:3:1",
            "did you mean `reason`?",
        ),
        (
            "[[revoked]]\nkey = \"stolen\"\nreason = \"x\"\n",
            "revoked.toml:2:7",
            "this must be 16 hexadecimal digits",
        ),
        ("[[revoked]]\nreason = \"x\"\n", "revoked.toml:1:1", "either a `key` or a `sha256`"),
    ] {
        let tree = Tree::new();
        trust(&tree, "revoked.toml", list);
        let run = tree.run(&["check"]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(words) && run.stderr.contains(place), "{run:?}");
        let list = tree.run(&["plugins", "list"]);
        assert_eq!(list.stdout.matches("nothing is trusted, because").count(), 2, "{list:?}");
        assert!(list.code == 2 && list.stderr.contains(words), "{words}: {list:?}");
    }
}

#[test]
fn nothing_is_trusted_where_what_was_withdrawn_may_have_been_taken_away() {
    type Spoil = fn(&Tree);
    let cases: [(Spoil, &str); 6] = [
        (
            |tree| symlink("/nowhere/revoked.toml", tree.config("trusted-keys/revoked.toml")).unwrap(),
            "it is a link",
        ),
        (
            |tree| fs::create_dir(tree.config("trusted-keys/revoked.toml")).unwrap(),
            "it is not a regular file",
        ),
        (
            |tree| {
                let list = trust(tree, "revoked.toml", "");
                fs::set_permissions(list, fs::Permissions::from_mode(0o646)).unwrap();
            },
            "others may write to it (mode 646)",
        ),
        (
            |tree| {
                let keys = tree.config("trusted-keys");
                fs::set_permissions(keys, fs::Permissions::from_mode(0o777)).unwrap();
            },
            "others may write to it (mode 777)",
        ),
        // The directory is gone, from one in which everybody can have moved it away.
        (
            |tree| {
                fs::remove_dir_all(tree.config("trusted-keys")).unwrap();
                fs::set_permissions(tree.config(""), fs::Permissions::from_mode(0o777)).unwrap();
            },
            "on the way to it (mode 777)",
        ),
        (
            |tree| {
                fs::remove_dir_all(tree.config("trusted-keys")).unwrap();
                symlink("/nowhere/trusted-keys", tree.config("trusted-keys")).unwrap();
            },
            "the directory of the trusted keys",
        ),
    ];
    for (spoil, words) in cases {
        let tree = Tree::new();
        let (folder, signer) = (foreign(&tree), key());
        sign_foreign(&folder, &signer);
        trust(&tree, "acme.pub", public(&signer));
        spoil(&tree);
        let list = tree.run(&["plugins", "list"]);
        assert!(list.code == 2 && list.stderr.contains(words), "{words}: {list:?}");
        assert_eq!(list.stdout.matches("nothing is trusted, because").count(), 3, "{words}: {list:?}");
        let (run, report) = tree.check(&["--fail-on", "never"]);
        assert_eq!(run.code, 2, "{words}: {run:?}");
        assert_eq!(report["plugins"], serde_json::json!({}), "{words}: nothing runs: {report:#}");
    }
}

/// Gives the foreign plugin a version, and signs it.
fn release(folder: &Path, version: &str, key: &KeyPair) {
    let text = manifest("foreign", "").replace("0.1.0", version);
    fs::write(folder.join("plugin.toml"), text).unwrap();
    sign_version(folder, "plugin", "foreign", version, &["plugin.toml", "libforeign.so"], key);
}

fn version_that_ran(tree: &Tree) -> Option<String> {
    let (_, report) = tree.check(&["--fail-on", "never"]);
    report["plugins"]["foreign"]["version"].as_str().map(str::to_owned)
}

#[test]
fn an_older_release_is_refused_until_the_admin_accepts_it() {
    let tree = Tree::new();
    let (folder, ours) = (foreign(&tree), key());
    trust(&tree, "acme.pub", public(&ours));
    for version in ["1.9.0", "1.10.0"] {
        release(&folder, version, &ours);
        assert_eq!(version_that_ran(&tree).as_deref(), Some(version));
    }
    release(&folder, "1.9.0", &ours);
    refused(&tree, "foreign", "it is version 1.9.0, older than 1.10.0, which was seen here on");
    let list = tree.run(&["plugins", "inspect", "foreign"]);
    assert!(list.stdout.contains("goodstead plugins install --allow-downgrade foreign"), "{list:?}");
    // Another key does not get around it either.
    let other = key();
    trust(&tree, "acme-2.pub", public(&other));
    release(&folder, "1.9.0", &other);
    refused(&tree, "foreign", "older than 1.10.0");
    release(&folder, "1.9.0", &ours);
    let run = tree.run(&["plugins", "install", "--allow-downgrade", "foreign"]);
    assert!(run.code == 0 && run.stdout.contains("accepted the plugin foreign 1.9.0"), "{run:?}");
    assert_eq!(version_that_ran(&tree).as_deref(), Some("1.9.0"));
    // And from there on versions rise again.
    release(&folder, "1.8.0", &ours);
    refused(&tree, "foreign", "older than 1.9.0");

    // What a key signed that is withdrawn bars nobody.
    release(&folder, "99.0.0", &other);
    assert_eq!(version_that_ran(&tree).as_deref(), Some("99.0.0"));
    trust(&tree, "revoked.toml", format!("[[revoked]]\nkey = \"{}\"\nreason = \"stolen\"\n", id(&other)));
    release(&folder, "2.0.0", &ours);
    assert_eq!(version_that_ran(&tree).as_deref(), Some("2.0.0"));
}

#[test]
fn an_older_pack_is_refused_as_well() {
    let tree = Tree::new();
    let pack = tree.path(PACKS).join("postgresql");
    let ours = key();
    trust(&tree, "acme.pub", public(&ours));
    trust(&tree, "acme.toml", "[scope]\npacks = [\"postgresql\"]\n");
    let header = fs::read_to_string(pack.join("pack.toml")).unwrap();
    let release = |version: &str| {
        replace(
            &pack.join("pack.toml"),
            header.replace("version = \"0.1.0\"", &format!("version = \"{version}\"")),
        );
        let files = files_below(&pack, "");
        let files: Vec<_> = files.iter().map(String::as_str).filter(|path| *path != "pack.sig").collect();
        sign_version(&pack, "pack", "postgresql", version, &files, &ours);
    };
    release("0.3.0");
    let (run, _) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    release("0.2.0");
    pack_refused(&tree, "it is version 0.2.0, older than 0.3.0");
}

/// The files below a folder by their paths in it.
fn files_below(folder: &Path, inside: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{inside}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path(), &format!("{name}/")));
        } else {
            files.push(name);
        }
    }
    files
}

#[test]
fn a_key_signs_what_its_scope_includes_and_nothing_else() {
    let tree = Tree::new();
    let (folder, ours) = (foreign(&tree), key());
    sign_foreign(&folder, &ours);
    trust(&tree, "acme.pub", public(&ours));
    // Without a scope it may, and the admin is asked for one.
    let run = tree.run(&["check", "--fail-on", "never"]);
    assert!(
        run.code == 0 && run.stderr.contains("acme.pub has no scope") && run.stderr.contains("acme.toml"),
        "{run:?}"
    );
    let scope = |text: &str| drop(trust(&tree, "acme.toml", text));
    scope("scope = { plugins = [\"for*\"] }\n");
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert!(run.stderr.is_empty() && report["plugins"].get("foreign").is_some(), "{run:?}");
    for text in ["[scope]\n", "[scope]\nplugins = [\"acme*\"]\npacks = [\"*\"]\nentitlements = true\n"] {
        scope(text);
        let (run, _) = refused(
            &tree,
            "foreign",
            "it is signed by acme.pub, whose scope does not include the plugin `foreign`",
        );
        assert_eq!(run.code, 0, "{run:?}");
    }
    // A scope that cannot be relied on is no scope at all, and its key no key.
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 3] = [
        ("did you mean `plugins`?", |file| fs::write(file, "[scope]\nplugin = ['foreign']\n").unwrap()),
        ("others may write to it", |file| {
            fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap()
        }),
        ("it is a link", |file| {
            fs::rename(file, file.with_extension("real")).unwrap();
            symlink(file.with_extension("real"), file).unwrap();
        }),
    ];
    for (words, spoil) in spoils {
        scope("[scope]\nplugins = [\"foreign\"]\n");
        spoil(&tree.config("trusted-keys/acme.toml"));
        let (run, _) = refused(&tree, "foreign", "is not among them");
        assert!(run.code == 2 && run.stderr.contains(words), "{words}: {run:?}");
        fs::remove_file(tree.config("trusted-keys/acme.toml")).unwrap();
    }
    // A pack, by a key whose scope has plugins only.
    scope("[scope]\nplugins = [\"*\"]\n");
    let pack = tree.path(PACKS).join("postgresql");
    let files = files_below(&pack, "");
    let files: Vec<_> = files.iter().map(String::as_str).filter(|path| *path != "pack.sig").collect();
    sign(&pack, "pack", "postgresql", &files, &ours);
    pack_refused(&tree, "it is signed by acme.pub, whose scope does not include the pack `postgresql`");
}

#[test]
fn a_key_without_a_scope_does_not_take_over_what_another_signs_by_its_scope() {
    let tree = Tree::new();
    tree.check(&["--fail-on", "never"]);
    let ours = key();
    trust(&tree, "acme.pub", public(&ours));
    let plugin = tree.path(PLUGINS).join("postgresql");
    sign(&plugin, "plugin", "postgresql", &["plugin.toml", "libgoodstead_postgresql.so"], &ours);
    refused(
        &tree,
        "postgresql",
        "it is signed by acme.pub, which has no scope, and the plugin `postgresql` was signed by",
    );
    // The admin can say that it may.
    trust(&tree, "acme.toml", "[scope]\nplugins = [\"postgresql\"]\n");
    let (_, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(report["plugins"]["postgresql"]["signature"]["key"], "acme.pub", "{report:#}");
}

#[test]
fn a_list_of_what_was_withdrawn_cannot_vanish() {
    let tree = Tree::new();
    let list = trust(&tree, "revoked.toml", "");
    let (run, _) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    for take_away in [true, false] {
        if take_away {
            fs::remove_file(&list).unwrap();
        } else {
            fs::remove_dir_all(tree.config("trusted-keys")).unwrap();
        }
        let (run, report) = tree.check(&["--fail-on", "never"]);
        assert!(run.code == 2 && run.stderr.contains("is gone, and has been there since"), "{run:?}");
        assert_eq!(report["plugins"], serde_json::json!({}), "nothing runs: {report:#}");
    }
    // An empty one says that nothing is withdrawn any more.
    trust(&tree, "revoked.toml", "");
    host_is_whole(&tree.check(&["--fail-on", "never"]).1);
}

#[test]
fn unsigned_is_allowed_by_path_and_shown_everywhere() {
    let tree = Tree::new();
    let folder = foreign(&tree);
    let (_, report) = refused(&tree, "foreign", "it has no plugin.sig");
    assert!(report["warnings"].to_string().contains("it is not signed by a trusted key"), "{report:#}");
    tree.allow_unsigned(&folder);
    fs::remove_file(tree.path(PACKS).join("linux/pack.sig")).unwrap();
    tree.allow_unsigned(&tree.path("share"));

    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(report["plugins"]["foreign"]["signature"]["kind"], "unsigned", "{report:#}");
    assert_eq!(report["plugins"]["linux"]["signature"]["key"], "development.pub", "{report:#}");
    let packs = report["packs"].as_array().unwrap();
    assert_eq!(packs.iter().filter(|pack| pack["signature"]["kind"] == "unsigned").count(), 1, "{report:#}");
    let text = tree.run(&["check", "--fail-on", "never"]).stdout;
    for words in ["the plugin foreign is not signed", "the pack linux is not signed"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let list = tree.run(&["plugins", "list"]).stdout;
    assert!(list.contains("unsigned, allowed") && list.contains("development.pub"), "{list}");
    assert!(
        tree.run(&["plugins", "inspect", "foreign"])
            .stdout
            .starts_with("Not signed, which agent.toml allows\n")
    );
    assert!(tree.run(&["checks", "list"]).stdout.contains("the pack linux is not signed"));

    // What is there and wrong is not excused.
    sign_foreign(&folder, &key());
    refused(&tree, "foreign", "is not among them");
    fs::write(folder.join("plugin.sig"), "nonsense").unwrap();
    refused(&tree, "foreign", "its plugin.sig is no signature");
    replace(&tree.path(PACKS).join("linux/pack.sig"), "nonsense");
    assert!(tree.run(&["checks", "list"]).stderr.contains("its pack.sig is no signature"));
}

#[test]
fn a_configuration_that_others_may_write_to_allows_nothing() {
    let tree = Tree::new();
    let folder = foreign(&tree);
    tree.allow_unsigned(&folder);
    fs::set_permissions(tree.config("agent.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let (run, _) = refused(&tree, "foreign", "it has no plugin.sig");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("the configuration is not used"), "{run:?}");
}

#[test]
fn an_admins_own_pack_needs_no_signature_and_is_marked() {
    let tree = Tree::new();
    let shipped = tree.path(PACKS).join("linux");
    let own = tree.config("checks/mine");
    fs::create_dir_all(&own).unwrap();
    let pack = fs::read_to_string(shipped.join("pack.toml")).unwrap().replace("\"linux\"\n", "\"mine\"\n");
    fs::write(own.join("pack.toml"), pack).unwrap();
    let check = fs::read_to_string(shipped.join("swappiness-zero.toml")).unwrap();
    fs::write(own.join("a.toml"), check.replace("linux.swappiness-zero", "linux.mine-zero")).unwrap();
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert_eq!(run.code, 0, "{run:?}");
    let mine = report["packs"].as_array().unwrap().iter().find(|pack| pack["name"] == "mine").unwrap();
    assert_eq!(mine["signature"]["kind"], "local", "{report:#}");
}

#[test]
fn nobody_takes_a_plugins_name_without_a_signature() {
    let tree = Tree::new();
    // Its folder comes first, and would have won.
    let folder = tree.path(PLUGINS).join("aaa");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("plugin.toml"), manifest("linux", "")).unwrap();
    let (run, report) = tree.check(&["--fail-on", "never"]);
    assert!(run.stderr.contains("this folder holds the plugin `linux`"), "{run:?}");
    host_is_whole(&report);
}

#[test]
fn a_plugin_is_inspected_by_folder_or_manifest_before_it_is_installed() {
    let tree = Tree::new();
    let folder = tree.path(PLUGINS).join("linux");
    for path in [folder.clone(), folder.join("plugin.toml")] {
        let run = tree.run(&["plugins", "inspect", &path.display().to_string()]);
        assert!(run.code == 0 && run.stdout.starts_with("Signed by development.pub\n"), "{run:?}");
    }
}
