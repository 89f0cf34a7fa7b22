//! Each request has one limit for all that is asked for in it, and what does not fit into a reply says so.

use goodstead_protocol::channel::MAX_BODY;
use goodstead_protocol::message::Proposal;

use super::*;

fn live(permissions: &str) -> Broker {
    Broker::new(&Arc::new(Root::live().unwrap()), &manifest(permissions), Ok(users::current()))
}

/// Names of 250 control characters, each of which has six bytes in JSON.
fn flooded(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..count {
        fs::File::create(folder.path().join(format!("{number:05}{}", "\u{1}".repeat(245)))).unwrap();
    }
    folder
}

fn size_of(reply: &Reply) -> usize {
    serde_json::to_vec(reply).unwrap().len()
}

#[test]
fn names_of_strangers_do_not_hide_the_sockets_beside_them() {
    let folder = flooded(9_000);
    let base = folder.path().display();
    let _listener = UnixListener::bind(folder.path().join(".s.app.5432")).unwrap();
    let mut broker = live(&format!("read = ['{base}']\nconnect = ['{base}/.s.app.[0-9]*']"));
    let find = Request::Find { path: base.to_string(), matching: ".s.*".into() };
    match ask(&mut broker, &find).reply {
        Reply::Ok(Granted::List(entries)) => {
            let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
            assert_eq!(names, [".s.app.5432"]);
        }
        other => panic!("{other:?}"),
    }
    let list = ask(&mut broker, &Request::List { path: base.to_string() }).reply;
    assert!(
        matches!(&list, Reply::Refused(cause) if cause.kind == CauseKind::TooLarge),
        "{}",
        size_of(&list)
    );
}

#[test]
fn a_directory_that_only_holds_sockets_is_searched_and_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().display();
    fs::write(folder.path().join("private"), "x").unwrap();
    fs::write(folder.path().join("s.1"), "x").unwrap();
    let mut broker = live(&format!("connect = ['{base}/s.*']"));
    let find = |path: String| Request::Find { path, matching: "*".into() };
    let found = ask(&mut broker, &find(base.to_string())).reply;
    assert!(matches!(&found, Reply::Ok(Granted::List(list)) if list.len() == 1), "{found:?}");
    for request in [Request::List { path: base.to_string() }, find("/etc".into()), find("/nowhere".into())] {
        let reply = ask(&mut broker, &request).reply;
        assert!(
            matches!(&reply, Reply::Refused(cause) if cause.kind == CauseKind::NotDeclared),
            "{request:?}: {reply:?}"
        );
    }
}

#[test]
fn every_reply_fits_into_a_message_whatever_the_names_are() {
    let folder = flooded(9_000);
    let base = folder.path().display();
    let mut broker = live(&format!("read = ['{base}', '{base}/**']\nstatfs = ['/x**']"));
    let many = Request::ReadMany { globs: vec![format!("{base}/*")], except: vec![] };
    let reply = ask(&mut broker, &many).reply;
    assert!(size_of(&reply) <= MAX_BODY as usize);
    match reply {
        Reply::Ok(Granted::ReadMany(list)) => {
            assert_eq!(list.partial.map(|cause| cause.kind), Some(CauseKind::TooLarge));
            assert!(list.files.len() > 5_000, "{}", list.files.len());
        }
        other => panic!("{other:?}"),
    }
    let half = Request::ReadMany { globs: vec![format!("{base}/0[0-4]*")], except: vec![] };
    let several = Request::Several { requests: vec![half.clone(), half.clone(), half] };
    let reply = ask(&mut broker, &several).reply;
    assert!(size_of(&reply) <= MAX_BODY as usize);
    assert!(matches!(reply, Reply::Ok(Granted::Several(parts)) if !parts.is_empty() && parts.len() < 3));
    let long = format!("/x{}", "\u{1}".repeat(4000));
    let reply = ask(&mut broker, &Request::Statfs { paths: vec![long; 250] }).reply;
    assert!(size_of(&reply) <= MAX_BODY as usize);
}

#[test]
fn texts_that_no_path_can_have_are_refused_and_not_kept() {
    let mut broker = live("read = ['/x/**']\nstat = ['/**']\nstatfs = ['/**']\nconnect = ['/**']");
    let giant = format!("/x/{}", "A".repeat(15 << 20));
    let requests = [
        Request::Read { path: giant.clone() },
        Request::List { path: giant.clone() },
        Request::Stat { path: giant.clone() },
        Request::Find { path: giant.clone(), matching: "*".into() },
        Request::Find { path: "/x".into(), matching: giant.clone() },
        Request::ReadMany { globs: vec![giant.clone()], except: vec![] },
        Request::ReadMany { globs: vec![], except: vec![giant.clone()] },
        Request::Statfs { paths: vec![giant.clone()] },
        Request::Connect { address: Address::Unix(giant.clone()) },
        Request::Run { command: giant.clone() },
        Request::Several { requests: vec![Request::Read { path: giant.clone() }] },
        Request::Read { path: "/x/\0".into() },
    ];
    let asked = requests.len() as u64;
    for request in &requests {
        let reply = ask(&mut broker, request).reply;
        assert!(size_of(&reply) < 2_000, "{}", size_of(&reply));
    }
    let proposal = Proposal {
        name: None,
        title: "x".into(),
        address: Some(Address::Unix(giant)),
        hints: Default::default(),
    };
    assert!(broker.accept_proposal(&proposal).unwrap_err().detail.len() < 2_000);
    assert_eq!(broker.access().refused, asked + 1);
    let kept = serde_json::to_string(&broker.into_log()).unwrap();
    assert!(kept.len() < 200_000, "{}", kept.len());
    assert!(kept.contains("(cut: 15728643 bytes in all)"), "it says what is missing");
}

#[test]
fn the_log_names_what_was_read_and_where_it_led() {
    let trap = trap();
    let mut broker = Broker::new(&trap.root(), &trap.manifest, Ok(users::current()));
    let long = format!("/etc{}/app.conf", "/.".repeat(500));
    for path in [long.as_str(), "/etc/absolute", "/etc/to-private", "/etc/app.conf", "/lib/../etc/app.conf"] {
        ask(&mut broker, &Request::Read { path: path.into() });
    }
    ask(&mut broker, &Request::ReadMany { globs: vec!["/etc/a*".into()], except: vec![] });
    let log = broker.into_log();
    let named: Vec<_> = log.iter().map(|entry| (entry.what.as_str(), entry.resolved.as_deref())).collect();
    assert_eq!(
        named,
        [
            (long.as_str(), Some("/etc/app.conf")),
            ("/etc/absolute", Some("/etc/app.conf")),
            ("/etc/to-private", Some("/private/key")),
            ("/etc/app.conf", None),
            ("/lib/../etc/app.conf", Some("/usr/etc/app.conf")),
            ("/etc/a*", None),
        ]
    );
    let files: Vec<_> =
        log[5].files.iter().map(|file| (file.path.as_str(), file.resolved.as_deref())).collect();
    assert_eq!(files, [("/etc/absolute", Some("/etc/app.conf")), ("/etc/app.conf", None)]);
}

#[test]
fn what_the_time_of_a_request_does_not_suffice_for_is_refused_as_late() {
    let trap = trap();
    let mut broker = Broker::new(&trap.root(), &trap.manifest, Ok(users::current()));
    broker.ends_at(Instant::now());
    let read = Request::Read { path: "/etc/app.conf".into() };
    let Reply::Ok(Granted::Several(parts)) =
        ask(&mut broker, &Request::Several { requests: vec![read; 100] }).reply
    else {
        panic!("no parts")
    };
    assert_eq!(parts.len(), 100, "none is left to be asked again");
    let late =
        |part: &Part| matches!(&part.reply, Reply::Refused(cause) if cause.kind == CauseKind::TimedOut);
    assert!(parts[1..].iter().all(late), "{parts:?}");
    let globs = vec!["/etc/**".into()];
    let Reply::Ok(Granted::ReadMany(list)) =
        ask(&mut broker, &Request::ReadMany { globs, except: vec![] }).reply
    else {
        panic!("no list")
    };
    assert_eq!(list.partial.map(|cause| cause.kind), Some(CauseKind::TimedOut));
    let mut broker = live("statfs = ['/**']");
    broker.ends_at(Instant::now());
    let Reply::Ok(Granted::Statfs(outcomes)) =
        ask(&mut broker, &Request::Statfs { paths: vec!["/".into(); 20] }).reply
    else {
        panic!("no outcomes")
    };
    let late = |it: &Outcome<_>| matches!(it, Outcome::Refused(cause) if cause.kind == CauseKind::TimedOut);
    assert_eq!((outcomes.len(), outcomes[1..].iter().all(late)), (20, true), "{outcomes:?}");
}

#[test]
fn a_plugin_keeps_half_of_its_time_whatever_a_request_takes() {
    let mut broker = live("");
    let now = Instant::now();
    assert!(broker.request_deadline() <= Instant::now() + REQUEST_LIMIT);
    broker.ends_at(now + Duration::from_secs(4));
    assert!(broker.request_deadline() <= now + Duration::from_secs(2) + Duration::from_millis(1));
}
