//! Several looks in one request are each what it would be alone.

use super::*;

fn several(broker: &mut Broker, requests: &[Request]) -> (Vec<Part>, Vec<u8>) {
    let answer = ask(broker, &Request::Several { requests: requests.to_vec() });
    match answer.reply {
        Reply::Ok(Granted::Several(parts)) => (parts, answer.data),
        other => panic!("{other:?}"),
    }
}

fn read(path: &str) -> Request {
    Request::Read { path: path.into() }
}

#[test]
fn each_part_is_what_it_would_be_alone() {
    let trap = trap();
    let root = trap.root();
    let paths =
        ["/etc/app.conf", "/etc/app.d", "/etc/nothing", "/etc/to-private", "/private/key", "/lib/release"];
    let every = |path: &&str| {
        let path = (*path).to_owned();
        [read(&path), Request::List { path: path.clone() }, Request::Stat { path }]
    };
    let mut requests: Vec<Request> = paths.iter().flat_map(every).collect();
    requests.push(Request::ReadMany { globs: vec!["/etc/**".into()], except: vec!["/etc/*.d/**".into()] });
    requests.push(Request::ReadMany { globs: vec!["/private/*".into()], except: vec![] });
    let mut broker = Broker::new(&root, &trap.manifest, Ok(users::current()));
    let (parts, data) = several(&mut broker, &requests);
    assert_eq!(parts.len(), requests.len());
    let mut rest = data.as_slice();
    let mut alone = Broker::new(&root, &trap.manifest, Ok(users::current()));
    for (request, part) in requests.iter().zip(&parts) {
        let answer = ask(&mut alone, request);
        let (bytes, more) = rest.split_at(usize::try_from(part.bytes).unwrap());
        assert_eq!((&answer.reply, answer.data.as_slice()), (&part.reply, bytes), "{request:?}");
        rest = more;
    }
    assert!(rest.is_empty());
    assert_eq!(broker.access(), alone.access(), "each part counts");
    let names =
        |broker: Broker| broker.into_log().into_iter().map(|entry| (entry.kind, entry.what, entry.refused));
    assert!(names(broker).eq(names(alone)), "and each is written down");
}

#[test]
fn only_looks_are_done_together() {
    let trap = trap();
    let mut broker = Broker::new(&trap.root(), &trap.manifest, Ok(users::current()));
    let others = [
        Request::Several { requests: vec![read("/etc/app.conf")] },
        Request::Statfs { paths: vec!["/".into()] },
        Request::Run { command: "x".into() },
    ];
    let (parts, data) = several(&mut broker, &others);
    let refused =
        |part: &Part| matches!(&part.reply, Reply::Refused(cause) if cause.kind == CauseKind::PluginFailed);
    assert!(parts.len() == 3 && parts.iter().all(refused) && data.is_empty(), "{parts:?}");
    let none = ask(&mut broker, &Request::Several { requests: Vec::new() });
    assert!(matches!(none.reply, Reply::Refused(_)), "a flood of nothing counts as well");
    assert_eq!(broker.access().refused, 4);
}

#[test]
fn what_does_not_fit_into_one_reply_is_left_for_the_next() {
    let trap = trap();
    let folder = trap.folder.path().join("root/etc");
    fs::File::create(folder.join("large")).unwrap().set_len(MAX_FILE as u64 - 1).unwrap();
    let mut broker = Broker::new(&trap.root(), &trap.manifest, Ok(users::current()));
    let (parts, data) =
        several(&mut broker, &[read("/etc/large"), read("/lib/release"), read("/etc/app.conf")]);
    assert_eq!((parts.len(), data.len()), (1, MAX_FILE - 1));
    let (parts, _) = several(&mut broker, &vec![read("/etc/app.conf"); 300]);
    assert_eq!(parts.len(), 256);
    assert_eq!(broker.access().granted, 257);
}
