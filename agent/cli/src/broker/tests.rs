//! The broker against real folders: what leads out, what is no file, what is not asked for.

mod limits;
mod outside;
mod several;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
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

/// A broker that may connect to the sockets `open.*` of a folder.
fn connecting(folder: &Path) -> Broker {
    let manifest = manifest(&format!("connect = ['{}/open.*']", folder.display()));
    Broker::new(&Arc::new(Root::live().unwrap()), &manifest, Ok(users::current()))
}

fn proposed(address: &Address) -> Proposal {
    Proposal { name: None, title: "x".into(), address: Some(address.clone()), hints: Default::default() }
}

#[test]
fn a_socket_that_is_not_there_yet_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = connecting(folder.path());
    let path = folder.path().join("open.sock");
    let address = Address::Unix(path.display().to_string());
    assert_eq!(broker.accept_proposal(&proposed(&address)).unwrap_err().kind, CauseKind::Absent);
    let _listener = UnixListener::bind(&path).unwrap();
    assert!(ask(&mut broker, &Request::Connect { address: address.clone() }).descriptor.is_none());
    broker.accept_proposal(&proposed(&address)).unwrap();
    assert!(ask(&mut broker, &Request::Connect { address }).descriptor.is_some());
}

#[test]
fn a_socket_that_is_replaced_by_a_link_after_it_was_accepted_is_not_reached() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("open.sock"), folder.path().join("other.sock"));
    let _listener = UnixListener::bind(&path).unwrap();
    let elsewhere = UnixListener::bind(&other).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let mut broker = connecting(folder.path());
    let address = Address::Unix(path.display().to_string());
    broker.accept_proposal(&proposed(&address)).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&other, &path).unwrap();
    match ask(&mut broker, &Request::Connect { address }).reply {
        Reply::Refused(cause) => assert_eq!(cause.kind, CauseKind::NotDeclared, "{cause}"),
        other => panic!("{other:?}"),
    }
    assert!(elsewhere.accept().is_err(), "the other socket was reached");
}

/// Only root can make sockets of others.
#[test]
fn a_socket_of_any_user_in_a_folder_of_everybody_is_not_accepted() {
    assert_eq!(users::current().uid, 0, "this test gives sockets to other users: run it as root");
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let manifest = manifest("connect = ['/**']");
    let alice = users::User { name: "alice".into(), uid: 54_321, gid: 54_321, groups: vec![] };
    let paths = [folder.path().join("a.sock"), inner.join("b.sock")];
    let _listeners = paths.each_ref().map(|path| UnixListener::bind(path).unwrap());
    let belong_to =
        |uid: u32| paths.iter().for_each(|path| std::os::unix::fs::chown(path, Some(uid), None).unwrap());
    let outcomes = |mode: u32, actor: &users::User| {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let root = Arc::new(Root::folder(folder.path()).unwrap());
        let mut broker = Broker::new(&root, &manifest, Ok(actor.clone()));
        ["/a.sock", "/inner/b.sock"].map(|path| {
            broker.accept_proposal(&proposed(&Address::Unix(path.into()))).map_err(|cause| cause.kind)
        })
    };
    let refused = Err(CauseKind::NotPermitted);
    belong_to(alice.uid);
    assert_eq!(outcomes(0o1777, &users::current()), [refused, refused], "anybody could have put it there");
    assert_eq!(outcomes(0o755, &users::current()), [Ok(()), Ok(())], "only who may write there could");
    assert_eq!(outcomes(0o1777, &alice), [Ok(()), Ok(())], "it is the acting user's own");
    belong_to(113);
    assert_eq!(outcomes(0o1777, &users::current()), [Ok(()), Ok(())], "it is a system account's");
}

#[test]
fn only_a_socket_is_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("open.file"), "").unwrap();
    let mut broker = connecting(folder.path());
    let address = Address::Unix(folder.path().join("open.file").display().to_string());
    broker.accept_configured(&address);
    match ask(&mut broker, &Request::Connect { address }).reply {
        Reply::Refused(cause) => assert!(cause.detail.contains("is not a socket"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

/// A descriptor that was granted for a TCP address, used with every call that can point a socket elsewhere.
#[test]
fn a_connection_cannot_be_pointed_at_another_address() {
    use rustix::net::{AddressFamily, SendFlags, SocketType, sockopt};

    let named = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let mut broker = connecting(Path::new("/nowhere"));
    let address = Address::Tcp(named.local_addr().unwrap().to_string());
    broker.accept_configured(&address);
    let descriptor = ask(&mut broker, &Request::Connect { address }).descriptor.unwrap();
    let (mut product, _) = named.accept().unwrap();

    assert_eq!(sockopt::socket_domain(&descriptor).unwrap(), AddressFamily::UNIX);
    assert_eq!(sockopt::socket_type(&descriptor).unwrap(), SocketType::STREAM);
    let to = other.local_addr().unwrap();
    // MSG_FASTOPEN is not among the library's names.
    for flags in [SendFlags::empty(), SendFlags::from_bits_retain(0x2000_0000)] {
        assert!(rustix::net::sendto(&descriptor, b"x", flags, &to).is_err(), "{flags:?}");
        let none = &mut rustix::net::SendAncillaryBuffer::default();
        let message = [std::io::IoSlice::new(b"x")];
        assert!(rustix::net::sendmsg_addr(&descriptor, &to, &message, none, flags).is_err(), "{flags:?}");
    }
    assert!(rustix::net::connect(&descriptor, &to).is_err());
    let _ = rustix::net::connect_unspec(&descriptor);
    assert!(rustix::net::connect(&descriptor, &to).is_err());
    assert!(other.accept().is_err(), "the other listener was reached");

    let mut plugin = UnixStream::from(descriptor);
    plugin.write_all(b"hello").unwrap();
    drop(plugin);
    let mut text = String::new();
    product.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn connections_beyond_the_limit_wait_for_one_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut broker = connecting(folder.path());
    let address = Address::Unix(path.display().to_string());
    broker.accept_proposal(&proposed(&address)).unwrap();
    let connect = Request::Connect { address };
    let mut held: Vec<_> =
        (0..16).map(|_| ask(&mut broker, &connect).descriptor.expect("a connection")).collect();
    broker.ends_at(Instant::now() + Duration::from_millis(50));
    match ask(&mut broker, &connect).reply {
        Reply::Refused(cause) => assert_eq!(cause.kind, CauseKind::TooLarge, "{cause}"),
        other => panic!("{other:?}"),
    }
    held.pop();
    broker.ends_at(Instant::now() + Duration::from_secs(60));
    assert!(ask(&mut broker, &connect).descriptor.is_some(), "one of them has ended");
    drop((held, listener));
}

#[test]
fn tcp_is_reached_only_on_the_loopback_where_declared_or_where_the_admin_names_it() {
    let (declared, other) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = |listener: &TcpListener| format!("tcp:{}", listener.local_addr().unwrap());
    let manifest = manifest(&format!("connect_tcp = ['{}']", declared.local_addr().unwrap()));
    let root = Arc::new(Root::live().unwrap());
    let mut broker = Broker::new(&root, &manifest, Ok(users::current()));
    let proposal = |address: &str| Proposal {
        name: None,
        title: "x".into(),
        address: Some(address.parse().unwrap()),
        hints: Default::default(),
    };
    let connect = |broker: &mut Broker, address: &str| {
        ask(broker, &Request::Connect { address: address.parse().unwrap() }).descriptor.is_some()
    };
    let (declared_address, other_address) = (address(&declared), address(&other));
    assert!(!connect(&mut broker, &declared_address), "nothing was proposed yet");
    broker.accept_proposal(&proposal(&declared_address)).unwrap();
    assert!(connect(&mut broker, &declared_address));
    // The same port under another name or address, and another port.
    let port = declared.local_addr().unwrap().port();
    for address in [
        other_address.as_str(),
        &format!("tcp:localhost:{port}"),
        &format!("tcp:127.0.0.2:{port}"),
        &format!("tcp:[::1]:{port}"),
        &format!("tcp:192.0.2.1:{port}"),
    ] {
        assert_eq!(
            broker.accept_proposal(&proposal(address)).unwrap_err().kind,
            CauseKind::NotPermitted,
            "{address}"
        );
        assert!(!connect(&mut broker, address), "{address}");
    }
    broker.accept_configured(&other_address.parse().unwrap());
    assert!(connect(&mut broker, &other_address), "the admin named it");
    let log = broker.into_log();
    let written = |what: &str, refused: bool| {
        log.iter()
            .any(|entry| entry.kind == "target" && entry.what == what && entry.refused.is_some() == refused)
    };
    // A refused address is a text of the plugin's: only what the agent can say of it is written down.
    let refused = format!("tcp, port {} on this host", other.local_addr().unwrap().port());
    assert!(written(&declared_address, false) && written(&refused, true));
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
