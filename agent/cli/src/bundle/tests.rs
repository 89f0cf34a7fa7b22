//! Archives that anybody may have written.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use goodstead_protocol::document::Document;
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::*;

const MANIFEST: &str = "name = 'demo'\nversion = '1.0.0'\nprotocol = 1\nlibrary = 'x.so'\n\
    [permissions]\nread = ['/etc/**']\n[bundles.sos.run]\na = ['sos_commands/kernel/sysctl_-a']\n[facts]\nport = { type = 'int' }\n";

fn manifest() -> Manifest {
    Manifest::read(&Document::new("plugin.toml", MANIFEST)).unwrap()
}

/// An archive whose entries are (kind, path, content or link).
fn archive(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (kind, path, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o640);
        header.set_mtime(1_780_000_000);
        header.set_uid(0);
        header.set_gid(42);
        // As they are: the builder would refuse what an attacker writes.
        let name = header.as_old_mut();
        name.name[..path.len()].copy_from_slice(path.as_bytes());
        let content = if *kind == EntryType::Symlink || *kind == EntryType::Link {
            name.linkname[..content.len()].copy_from_slice(content);
            &[]
        } else {
            *content
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content).unwrap();
    }
    archive.into_inner().unwrap()
}

const PLAIN: [(EntryType, &str, &[u8]); 5] = [
    (EntryType::Directory, "sosreport-web1-2026-06-01-abcdefg", b""),
    (EntryType::Directory, "sosreport-web1-2026-06-01-abcdefg/etc", b""),
    (EntryType::Regular, "sosreport-web1-2026-06-01-abcdefg/etc/fstab", b"/dev/sda1 / ext4 defaults 0 1\n"),
    (EntryType::Regular, "sosreport-web1-2026-06-01-abcdefg/var/huge", b"nobody asks for it"),
    (
        EntryType::Regular,
        "sosreport-web1-2026-06-01-abcdefg/sos_commands/kernel/sysctl_-a",
        b"vm.swappiness = 60\n",
    ),
];

fn opened(bytes: &[u8]) -> Result<Bundle, Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle");
    fs::write(&file, bytes).unwrap();
    Bundle::open(&file, [&manifest()].into_iter())
}

/// The bytes after a program of the system has packed them.
fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new(program).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap().unwrap();
    output
}

#[test]
fn names_without_an_end_are_not_read_into_memory() {
    let long = vec![b'a'; 2 << 20];
    let entries = [(EntryType::GNULongName, "././@LongLink", long.as_slice()), PLAIN[2]];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.tar");
    fs::write(&file, archive(&entries)).unwrap();
    let refused = Bundle::open(&file, [manifest()].iter()).unwrap_err();
    assert!(refused.message.contains("far more than a support bundle has"), "{refused:?}");
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo.tar");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for odd in [fifo, "/dev/zero".into()] {
        let refused = Bundle::open(&odd, [manifest()].iter()).unwrap_err();
        assert!(refused.message.contains("not a regular file"), "{refused:?}");
    }
}

#[test]
fn every_usual_packing_is_opened_and_nothing_is_left_behind() {
    let plain = archive(&PLAIN);
    for bytes in [plain.clone(), packed("gzip", &plain), packed("xz", &plain)] {
        let bundle = opened(&bytes).unwrap();
        assert_eq!((bundle.recorded.kind, bundle.recorded.made), (Kind::Sos, 1_780_000_000));
        assert!(fs::read_to_string(bundle.folder.join("etc/fstab")).unwrap().starts_with("/dev/sda1"));
        assert!(!bundle.folder.join("var/huge").exists(), "nobody asks for it");
        let private = bundle.folder.parent().unwrap().to_path_buf();
        assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o700);
        let stat = &bundle.recorded.stats["/etc/fstab"];
        assert_eq!((stat.mode, stat.uid, stat.gid), (0o640, 0, 42));
        drop(bundle);
        assert!(!private.exists());
    }
}

#[test]
fn no_entry_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().display().to_string();
    let absolute = format!("{target}/absolute");
    let through = "s/etc/out/planted";
    let entries: Vec<(EntryType, &str, &[u8])> = vec![
        (EntryType::Directory, "s", b""),
        (EntryType::Regular, "s/sos_commands/kernel/sysctl_-a", b"x"),
        (EntryType::Regular, &absolute, b"planted"),
        (EntryType::Regular, "../../../../../../tmp/goodstead-planted", b"planted"),
        (EntryType::Regular, "s/etc/../../../up", b"planted"),
        (EntryType::Symlink, "s/etc/out", target.as_bytes()),
        (EntryType::Regular, through, b"planted"),
        (EntryType::Symlink, "s/etc/out/link", b"/etc/passwd"),
        (EntryType::Link, "s/etc/hard", b"/etc/passwd"),
        (EntryType::Char, "s/etc/null", b""),
        (EntryType::Fifo, "s/etc/pipe", b""),
        (EntryType::Regular, "s/etc/twice", b"first"),
        (EntryType::Regular, "s/etc/twice", b"second"),
        (EntryType::Regular, "s/etc/\x1b[31mred", b"acting"),
    ];
    let bundle = opened(&archive(&entries)).unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(!Path::new("/tmp/goodstead-planted").exists());
    let etc = bundle.folder.join("etc");
    assert_eq!(fs::read_to_string(etc.join("twice")).unwrap(), "first");
    for gone in ["hard", "null", "pipe", "\x1b[31mred"] {
        assert!(fs::symlink_metadata(etc.join(gone)).is_err(), "{gone:?}");
    }
}

#[test]
fn a_bomb_is_refused_and_leaves_nothing() {
    let zeros = vec![0; 600 << 20];
    let bytes = packed("xz", &archive(&[PLAIN[0], PLAIN[4], (EntryType::Regular, "s/zeros", &zeros)]));
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    let error = opened(&bytes).unwrap_err();
    assert!(error.message.contains("far more"), "{}", error.message);
}

#[test]
fn what_is_cut_short_is_taken_as_far_as_it_goes_and_said() {
    let plain = archive(&PLAIN);
    let whole = opened(&plain).unwrap();
    assert!(whole.notes.is_empty());
    // In the middle of the last entry's content.
    let short = opened(&plain[..plain.len() - 1024 - 500]).unwrap();
    assert!(short.notes[0].contains("cut short"), "{:?}", short.notes);
    assert!(!short.folder.join("sos_commands/kernel/sysctl_-a").exists());
    let mut entries = PLAIN.to_vec();
    entries.push((EntryType::Regular, "sosreport-web1-2026-06-01-abcdefg/etc/last", b"cut"));
    let bytes = archive(&entries);
    let bundle = opened(&bytes[..bytes.len() - 1024 - 511]).unwrap();
    assert!(bundle.notes[0].contains("cut short"), "{:?}", bundle.notes);
    assert!(!bundle.folder.join("etc/last").exists(), "half a file is not a file");
}

#[test]
fn owners_of_an_archive_that_was_packed_anew_are_nobodys() {
    let mut bytes = archive(&PLAIN);
    // The owner of `etc`, the second entry: 1000 in octal, and its header's sum.
    bytes[512 + 108..512 + 116].copy_from_slice(b"0001750\0");
    let mut header = Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&bytes[512..1024]);
    header.set_cksum();
    bytes[512..1024].copy_from_slice(header.as_bytes());
    assert!(opened(&bytes).unwrap().recorded.stats.is_empty());
}

#[test]
fn the_kinds_are_told_apart() {
    let troubleshoot = [
        (
            EntryType::Regular,
            "support-bundle-2026-06-01T10_11_12/version.yaml",
            &b"kind: SupportBundle\n"[..],
        ),
        (EntryType::Regular, "support-bundle-2026-06-01T10_11_12/host-collectors/system/memory.json", b"{}"),
    ];
    let bundle = opened(&archive(&troubleshoot)).unwrap();
    assert_eq!(bundle.recorded.kind, Kind::Troubleshoot);
    assert!(bundle.recorded.stats.is_empty(), "Troubleshoot writes owners of its own");
    for other in [&b""[..], b"text", b"\x1f\x8b\x08broken", b"\xfd7zXZ\0broken", b"PK\x03\x04"] {
        assert!(opened(other).is_err());
    }
    let plain = [(EntryType::Regular, "root/etc/os-release", &b"ID=x\n"[..])];
    assert!(opened(&archive(&plain)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_broken_archive_breaks_nothing(at in 0_usize..4000, bytes in proptest::collection::vec(any::<u8>(), 1..40), cut in 0_usize..6000) {
        let mut archive = archive(&PLAIN);
        let end = (at + bytes.len()).min(archive.len());
        if at < end {
            archive[at..end].copy_from_slice(&bytes[..end - at]);
        }
        archive.truncate(archive.len().saturating_sub(cut % 3000));
        if let Ok(bundle) = opened(&archive) {
            prop_assert!(bundle.folder.starts_with(std::env::temp_dir()));
        }
    }
}
