//! The broker against real folders: what leads out, what is no file, what is not asked for.

mod limits;
mod outside;
mod several;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use goodstead_protocol::document::Document;
use goodstead_protocol::message::{FileList, Outcome};

use super::*;
use crate::users;

/// A folder with the traps in it, and a manifest that asks for `/etc/**` and `/lib/**`.
struct Trap {
    folder: tempfile::TempDir,
    manifest: Manifest,
}

fn trap() -> Trap {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("etc/app.d/deep")).unwrap();
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    fs::create_dir_all(root.join("private")).unwrap();
    fs::write(folder.path().join("outside"), "outside").unwrap();
    fs::write(root.join("etc/app.conf"), "inside").unwrap();
    fs::write(root.join("etc/app.d/a.conf"), "a").unwrap();
    fs::write(root.join("etc/app.d/deep/b.conf"), "b").unwrap();
    fs::write(root.join("private/key"), "private").unwrap();
    fs::write(root.join("usr/lib/release"), "release").unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    symlink("/etc/app.conf", root.join("etc/absolute")).unwrap();
    symlink("../../../../../../outside", root.join("etc/climbing")).unwrap();
    symlink(folder.path().join("outside"), root.join("etc/leading-out")).unwrap();
    symlink("/private/key", root.join("etc/to-private")).unwrap();
    symlink("loop", root.join("etc/loop")).unwrap();
    fs::write(root.join("etc/app.d").join(std::ffi::OsStr::from_bytes(b"bad\xff.conf")), "x").unwrap();
    let status = std::process::Command::new("mkfifo").arg(root.join("etc/app.d/pipe.conf")).status().unwrap();
    assert!(status.success());
    Trap { folder, manifest: manifest("read = ['/etc/**', '/lib/**', '/usr/lib/**']") }
}

fn manifest(permissions: &str) -> Manifest {
    let text = format!(
        "name = 'demo'\nversion = '1.0.0'\nprotocol = 1\nlibrary = 'x.so'\n[permissions]\n{permissions}\n[facts]\na = {{ type = 'int' }}\n"
    );
    Manifest::read(&Document::new("plugin.toml", text)).unwrap()
}

#[test]
fn what_may_be_looked_at_may_not_be_opened_or_listed() {
    let trap = trap();
    let manifest = manifest("stat = ['/private', '/private/key', '/etc/to-private', '/etc/climbing']");
    let root = trap.root();
    let mut broker = Broker::new(&root, &manifest, Ok(users::current()));
    let mut kind = |request: Request| match ask(&mut broker, &request).reply {
        Reply::Ok(_) => None,
        Reply::Refused(cause) => Some(cause.kind),
    };
    for path in ["/private", "/private/key", "/etc/to-private"] {
        assert_eq!(kind(Request::Stat { path: path.into() }), None, "{path}");
        for request in [Request::Read { path: path.into() }, Request::List { path: path.into() }] {
            assert_eq!(kind(request), Some(CauseKind::NotDeclared), "{path}");
        }
    }
    assert_eq!(kind(Request::Stat { path: "/etc/app.conf".into() }), Some(CauseKind::NotDeclared));
    assert_eq!(kind(Request::Stat { path: "/etc/climbing".into() }), Some(CauseKind::NotDeclared));
    let globs = vec!["/private/*".into()];
    let Reply::Ok(Granted::ReadMany(list)) =
        ask(&mut broker, &Request::ReadMany { globs, except: vec![] }).reply
    else {
        panic!("no list")
    };
    assert_eq!(list.files, []);
}

impl Trap {
    fn root(&self) -> Arc<Root> {
        Arc::new(Root::folder(&self.folder.path().join("root")).unwrap())
    }

    fn read(&self, path: &str) -> Result<String, CauseKind> {
        let root = self.root();
        let mut broker = Broker::new(&root, &self.manifest, Ok(users::current()));
        let answer = ask(&mut broker, &Request::Read { path: path.into() });
        match answer.reply {
            Reply::Ok(_) => Ok(String::from_utf8(answer.data).unwrap()),
            Reply::Refused(cause) => Err(cause.kind),
        }
    }
}

fn ask(broker: &mut Broker, request: &Request) -> Answer {
    broker.answer(&serde_json::to_vec(request).unwrap())
}

#[test]
fn links_stay_inside_the_root_and_inside_the_manifest() {
    let trap = trap();
    assert_eq!(trap.read("/etc/app.conf").unwrap(), "inside");
    assert_eq!(trap.read("/lib/release").unwrap(), "release");
    assert_eq!(trap.read("/etc/absolute").unwrap(), "inside", "absolute links start at the root");
    assert_eq!(trap.read("/etc/climbing"), Err(CauseKind::NotDeclared), "`..` stops at the root");
    assert_eq!(trap.read("/etc/leading-out"), Err(CauseKind::NotDeclared));
    assert_eq!(trap.read("/etc/to-private"), Err(CauseKind::NotDeclared), "the resolved path counts too");
    assert_eq!(trap.read("/etc/loop"), Err(CauseKind::NotPermitted));
    assert_eq!(trap.read("/private/key"), Err(CauseKind::NotDeclared));
    assert_eq!(trap.read("/etc/../private/key"), Err(CauseKind::NotDeclared));
    assert_eq!(trap.read("/etc/nothing"), Err(CauseKind::Absent));
}

#[test]
fn only_regular_files_are_read_and_a_fifo_is_not_waited_for() {
    let trap = trap();
    assert_eq!(trap.read("/etc/app.d/pipe.conf"), Err(CauseKind::NotRegular));
    assert_eq!(trap.read("/etc/app.d"), Err(CauseKind::NotRegular));
}

fn read_many(trap: &Trap, globs: &[&str], except: &[&str]) -> (FileList, String) {
    let root = trap.root();
    let mut broker = Broker::new(&root, &trap.manifest, Ok(users::current()));
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
    let answer = ask(&mut broker, &Request::ReadMany { globs: owned(globs), except: owned(except) });
    match answer.reply {
        Reply::Ok(Granted::ReadMany(list)) => (list, String::from_utf8(answer.data).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn paths(list: &FileList) -> Vec<&str> {
    list.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn a_glob_finds_what_matches_and_says_what_it_could_not_name() {
    let trap = trap();
    let (list, data) = read_many(&trap, &["/etc/app.d/*.conf"], &[]);
    assert_eq!(paths(&list), ["/etc/app.d/a.conf"]);
    assert_eq!(data, "a");
    assert!(list.partial.unwrap().detail.contains("not UTF-8"));
    let (list, data) = read_many(&trap, &["/etc/app.d/**"], &["/etc/app.d/a.conf"]);
    assert_eq!((paths(&list), data.as_str()), (vec!["/etc/app.d/deep/b.conf"], "b"));
    let (list, data) = read_many(&trap, &["/etc/*/a.conf", "/etc/app.d/*/b.conf"], &[]);
    let links = ["climbing", "leading-out", "loop", "to-private"].map(|link| format!("/etc/{link}/a.conf"));
    let found =
        ["/etc/app.d/a.conf", "/etc/app.d/deep/b.conf"].into_iter().chain(links.iter().map(String::as_str));
    assert_eq!((paths(&list), data.as_str()), (found.collect(), "ab"));
    assert!(
        list.files[2..].iter().all(|file| matches!(file.size, Outcome::Refused(_))),
        "whether a link that is not followed hides one is not known"
    );
    let (list, data) = read_many(&trap, &["/lib/*"], &[]);
    assert_eq!((paths(&list), data.as_str()), (vec!["/lib/release"], "release"));
    let (list, _) = read_many(&trap, &["/private/*", "/nowhere/**"], &[]);
    assert_eq!((paths(&list), &list.partial), (vec![], &None));
}

#[test]
fn a_glob_does_not_follow_links_out_of_the_manifest() {
    let trap = trap();
    let (list, _) = read_many(&trap, &["/etc/*"], &[]);
    let outcome = |path: &str| list.files.iter().find(|file| file.path == path).map(|file| &file.size);
    assert!(matches!(outcome("/etc/app.conf"), Some(Outcome::Ok(6))));
    for path in ["/etc/to-private", "/etc/leading-out", "/etc/climbing"] {
        let refused =
            matches!(outcome(path), Some(Outcome::Refused(cause)) if cause.kind == CauseKind::NotDeclared);
        assert!(refused, "whether there is something at the other end of {path} makes no difference");
    }
}

#[test]
fn what_only_a_live_host_has_is_refused_for_a_folder() {
    let trap = trap();
    let root = trap.root();
    let mut broker = Broker::new(&root, &trap.manifest, Ok(users::current()));
    broker.accept_configured(&"unix:/etc/app.conf".parse().unwrap());
    for request in [
        Request::Statfs { paths: vec!["/".into()] },
        Request::Connect { address: "unix:/etc/app.conf".parse().unwrap() },
        Request::Run { command: "x".into() },
    ] {
        match ask(&mut broker, &request).reply {
            Reply::Refused(cause) => assert_eq!(cause.kind, CauseKind::NotApplicableHere, "{request:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((broker.access().granted, broker.access().refused), (0, 3));
}

#[test]
fn sockets_are_reached_only_when_declared_and_proposed() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open.sock");
    let other = folder.path().join("other.sock");
    let _listeners = (UnixListener::bind(&open).unwrap(), UnixListener::bind(&other).unwrap());
    let manifest = manifest(&format!("connect = ['{}/open.*']", folder.path().display()));
    let root = Arc::new(Root::live().unwrap());
    let mut broker = Broker::new(&root, &manifest, Ok(users::current()));
    let address = |path: &Path| Address::Unix(path.display().to_string());
    let connect =
        |broker: &mut Broker, path: &Path| ask(broker, &Request::Connect { address: address(path) });
    let proposal = |path: &Path| Proposal {
        name: None,
        title: "x".into(),
        address: Some(address(path)),
        hints: Default::default(),
    };

    assert!(connect(&mut broker, &open).descriptor.is_none(), "nothing was proposed yet");
    broker.accept_proposal(&proposal(&open)).unwrap();
    assert_eq!(broker.accept_proposal(&proposal(&other)).unwrap_err().kind, CauseKind::NotDeclared);
    let link = folder.path().join("open.link");
    symlink(&other, &link).unwrap();
    assert_eq!(
        broker.accept_proposal(&proposal(&link)).unwrap_err().kind,
        CauseKind::NotDeclared,
        "it leads elsewhere"
    );
    let tcp = Proposal { address: Some("tcp:127.0.0.1:1".parse().unwrap()), ..proposal(&open) };
    assert_eq!(broker.accept_proposal(&tcp).unwrap_err().kind, CauseKind::NotPermitted);
    assert!(connect(&mut broker, &open).descriptor.is_some());
    assert!(connect(&mut broker, &other).descriptor.is_none());
    broker.accept_configured(&address(&other));
    assert!(connect(&mut broker, &other).descriptor.is_some(), "the admin named it");
}

#[test]
fn whoever_may_not_connect_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let manifest = manifest(&format!("connect = ['{}/*']", folder.path().display()));
    let root = Arc::new(Root::live().unwrap());
    let mut broker = Broker::new(&root, &manifest, users::acting_user("demo", false, Some("no-such-user")));
    let address = Address::Unix(socket.display().to_string());
    broker.accept_configured(&address);
    match ask(&mut broker, &Request::Connect { address }).reply {
        Reply::Refused(cause) => assert!(cause.detail.contains("no such user"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_is_run_as_declared_and_bounded() {
    let manifest = manifest(
        "[permissions.run.echo]\nprogram = '/bin/echo'\narguments = ['hello']\n\
         [permissions.run.environment]\nprogram = '/usr/bin/env'\n\
         [permissions.run.flood]\nprogram = '/usr/bin/yes'\n\
         [permissions.run.missing]\nprogram = '/nonexistent'",
    );
    let root = Arc::new(Root::live().unwrap());
    let mut broker = Broker::new(&root, &manifest, Ok(users::current()));
    let mut run = |name: &str| {
        let answer = ask(&mut broker, &Request::Run { command: name.into() });
        match answer.reply {
            Reply::Ok(Granted::Run { code }) => Ok((code, String::from_utf8(answer.data).unwrap())),
            Reply::Refused(cause) => Err(cause.kind),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(run("echo").unwrap(), (Some(0), "hello\n".into()));
    assert_eq!(run("environment").unwrap(), (Some(0), String::new()), "the environment is empty");
    assert_eq!(run("flood"), Err(CauseKind::TooLarge));
    assert_eq!(run("missing"), Err(CauseKind::Absent));
    assert_eq!(run("undeclared"), Err(CauseKind::NotDeclared));
}

#[test]
fn requests_that_are_none_are_refused_and_counted() {
    let trap = trap();
    let root = trap.root();
    let mut broker = Broker::new(&root, &trap.manifest, Ok(users::current()));
    for body in [&b"not json"[..], br#"{"ask":"write","path":"/etc/x"}"#, b"\xff\xfe", b"{}"] {
        assert!(matches!(broker.answer(body).reply, Reply::Refused(_)));
    }
    assert_eq!(broker.access().refused, 4);
}

#[test]
fn a_file_over_the_limit_is_refused_not_cut() {
    let trap = trap();
    let big = trap.folder.path().join("root/etc/big");
    fs::File::create(&big).unwrap().set_len(MAX_FILE as u64 + 1).unwrap();
    fs::set_permissions(&big, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(trap.read("/etc/big"), Err(CauseKind::TooLarge));
}

#[test]
fn a_command_has_the_acting_users_groups_and_no_others() {
    let manifest = manifest("[permissions.run.groups]\nprogram = '/usr/bin/id'\narguments = ['-G']");
    let root = Arc::new(Root::live().unwrap());
    // Only root can become somebody else.
    let (actor, expected) = if users::current().uid == 0 {
        let actor = users::User {
            name: "nobody".into(),
            uid: users::NOBODY,
            gid: users::NOBODY,
            groups: vec![4, 101],
        };
        (actor, "65534 4 101\n".to_owned())
    } else {
        let own = std::process::Command::new("/usr/bin/id").arg("-G").output().unwrap();
        (users::current(), String::from_utf8(own.stdout).unwrap())
    };
    let mut broker = Broker::new(&root, &manifest, Ok(actor));
    let answer = ask(&mut broker, &Request::Run { command: "groups".into() });
    assert_eq!(String::from_utf8(answer.data).unwrap(), expected);
}
