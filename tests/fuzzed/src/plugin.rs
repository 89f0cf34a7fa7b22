//! What a plugin reads of a site: files of any content, and a server that says anything.
//!
//! The files are written one after another in the input: a line `@/etc/os-release` begins a file, a line
//! `@statfs PATH NUMBER…` tells the space of a file system, and what stands before the first such line is the content
//! of every path that the manifest names. Nothing is refused: what may be read is the broker's to judge, and is tested
//! there. Whatever the files hold, the facts fit the contract and a frame.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use goodstead_plugin::fake::{FakeSite, gather};
use goodstead_plugin::{Address, FileKind, Manifest, Plugin, Proposal, Stat, Statfs, Target};
use goodstead_protocol::channel::MAX_BODY;

use crate::sample::shipped;

/// More than a file of settings has; the broker's own limit is larger.
const MAX_INPUT: usize = 64 << 10;

/// Lets the shipped plugin `name`, whose type is `P`, inspect the site in `data`.
pub fn files<P: Plugin>(name: &str, data: &[u8]) {
    let manifest = shipped(name);
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let proposals = P::default().discover(&mut site(manifest, data)).unwrap_or_default();
    let json = serde_json::to_vec(&proposals).expect("proposals are JSON");
    assert_eq!(serde_json::from_slice::<Vec<Proposal>>(&json).expect("what was written is read"), proposals);
    inspect::<P>(manifest, target(None), site(manifest, data));
    // A target more is the same code again.
    for proposal in proposals.into_iter().take(2) {
        inspect::<P>(manifest, target(Some(proposal)), site(manifest, data));
    }
}

/// Lets the shipped plugin `name` talk with a server that says `data` and closes.
pub fn session<P: Plugin>(name: &str, data: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    theirs.write_all(data.get(..MAX_INPUT).unwrap_or(data)).expect("a socket holds 64 KiB");
    theirs.shutdown(Shutdown::Write).expect("the socket is open");
    let address = Address::Unix("/run/server".to_owned());
    let site = FakeSite::with_manifest(shipped(name)).connection(&address, Ok(ours.into()));
    inspect::<P>(shipped(name), Target { address: Some(address), ..target(None) }, site);
}

fn inspect<P: Plugin>(manifest: &Manifest, target: Target, mut site: FakeSite) {
    let (facts, notes) = gather::<P>(&manifest.contract, &target, &mut site);
    assert_eq!(notes, Vec::<String>::new(), "what the plugin sent does not fit its own contract");
    assert!(facts.to_json().to_string().len() <= MAX_BODY as usize, "the facts do not fit a frame");
}

fn target(proposal: Option<Proposal>) -> Target {
    let (name, address, hints) =
        proposal.map(|proposal| (proposal.name, proposal.address, proposal.hints)).unwrap_or_default();
    Target { name, address, hints, ..Target::default() }
}

fn site(manifest: &Manifest, data: &[u8]) -> FakeSite {
    let folder = Stat { kind: FileKind::Folder, size: 40, mode: 0o755, uid: 0, gid: 0, modified: 0 };
    let mut site = FakeSite::new().stat_of("/run/systemd/system", folder);
    let named = manifest.permissions.read.iter().map(|glob| glob.replace("**", "a").replace('*', "a"));
    let mut paths: Vec<String> = named.collect();
    let mut content = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let words = String::from_utf8_lossy(line);
        let words = words.trim_end_matches(['\r', '\n']);
        if let Some(path) = words.strip_prefix('@').filter(|path| path.starts_with('/')) {
            for path in &paths {
                site = site.file(path, &content);
            }
            paths = vec![path.to_owned()];
            content.clear();
        } else if let Some(space) = words.strip_prefix("@statfs ") {
            let mut words = space.split(' ');
            let path = words.next().unwrap_or_default().to_owned();
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
            let (size, free, available, inodes, inodes_free) =
                (number(), number(), number(), number(), number());
            site = site.statfs_of(&path, Ok(Statfs { size, free, available, inodes, inodes_free }));
        } else {
            content.extend_from_slice(line);
        }
    }
    for path in &paths {
        site = site.file(path, &content);
    }
    site
}
