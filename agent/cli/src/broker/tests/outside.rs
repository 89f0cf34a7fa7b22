//! What lies outside of the manifest is neither opened nor named, and it makes no difference whether it exists.

use goodstead_protocol::glob::Glob;

use super::*;

/// A root with secrets beside what is declared, in two forms: with the secrets, and without.
fn root_with(secrets: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for directory in ["var/lib/app/data", "var/lib/app/.conf.d", "srv", "proc/7/fd"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("var/lib/app/data/a.conf"), "a").unwrap();
    fs::write(root.join("var/lib/app/.conf.d/b.conf"), "b").unwrap();
    symlink("../../../secret/merger", root.join("var/lib/app/relative.conf")).unwrap();
    symlink("/secret/merger", root.join("var/lib/app/absolute.conf")).unwrap();
    symlink("/secret", root.join("var/lib/app/linked")).unwrap();
    symlink("/srv/../secret", root.join("var/lib/app/climbing")).unwrap();
    symlink("chain-2", root.join("var/lib/app/chain-1")).unwrap();
    symlink("/srv/on/to/secret", root.join("var/lib/app/chain-2")).unwrap();
    if secrets {
        let closed = fs::Permissions::from_mode(0o000);
        fs::create_dir_all(root.join("secret/deep").join("d/".repeat(40))).unwrap();
        fs::write(root.join("secret/merger"), "secret").unwrap();
        fs::write(root.join("secret/a.conf"), "secret").unwrap();
        fs::write(root.join("secret").join(std::ffi::OsStr::from_bytes(b"bad\xff.conf")), "x").unwrap();
        symlink("loop", root.join("secret/loop")).unwrap();
        fs::create_dir_all(root.join("srv/on/to")).unwrap();
        symlink("/secret", root.join("srv/on/to/secret")).unwrap();
        fs::create_dir_all(root.join("var/lib/merger-plans/locked")).unwrap();
        fs::write(root.join("var/lib").join(std::ffi::OsStr::from_bytes(b"odd\xff")), "x").unwrap();
        fs::set_permissions(root.join("var/lib/merger-plans/locked"), closed).unwrap();
    }
    folder
}

const DECLARED: &str = "read = ['/var/lib/app/**/*.conf', '/var/lib/app/{linked,climbing,chain-1}/*', '/var/lib/app/chain-1']\n\
     stat = ['/var/lib/app/linked/*', '/var/lib/app/relative.conf']";

/// Everything that a plugin could ask to learn of what is not declared.
fn prying() -> Vec<Request> {
    let globs = [
        "/**",
        "/*",
        "/*/*",
        "/*/*/*",
        "/secret/*",
        "/secret/**",
        "/[s]*/*",
        "/{secret,srv}/*",
        "/{secret/deep,x}/**",
        "/var/lib/*/*",
        "/var/lib/m*/*",
        "/var/lib/merger-plans/*",
        "/var/lib/app/**",
        "/var/lib/app/*/*",
        "/var/lib/app/linked/*",
        "/var/lib/app/linked/**",
        "/var/lib/app/climbing/*",
        "/var/lib/app/chain-*/*",
        "/var/lib/app/../../../secret/*",
        "/var/lib/app/data/../../../../secret/merger",
        "//secret//*",
        "/secret/./merger",
        "/var/lib/app/*/merger",
        "/var/lib/*/data/*.conf",
        "/proc/*/fd/*",
    ];
    let paths = [
        "/secret",
        "/secret/",
        "/secret/merger",
        "/secret/nothing",
        "//secret//merger",
        "/./secret/merger",
        "/var/lib/app/../../../secret/merger",
        "/var/lib/app/data/../../../../secret/a.conf",
        "/secret/../var/lib/app/data/a.conf",
        "/var/lib/merger-plans/../app/data/a.conf",
        "/var/lib/app/relative.conf",
        "/var/lib/app/absolute.conf",
        "/var/lib/app/linked/merger",
        "/var/lib/app/linked/nothing",
        "/var/lib/app/linked",
        "/var/lib/app/linked/a.conf",
        "/var/lib/app/climbing/merger",
        "/var/lib/app/chain-1",
        "/var/lib/app/chain-1/merger",
        "/var/lib/app/chain-1/nothing",
        "/var/lib/merger-plans",
        "/secret/loop",
    ];
    let many = globs.map(|glob| Request::ReadMany { globs: vec![glob.to_owned()], except: vec![] });
    let together = Request::ReadMany { globs: globs.map(str::to_owned).to_vec(), except: vec![] };
    let single = paths.iter().flat_map(|path| {
        let path = (*path).to_owned();
        [
            Request::Read { path: path.clone() },
            Request::List { path: path.clone() },
            Request::Find { path: path.clone(), matching: "*".to_owned() },
            Request::Stat { path },
        ]
    });
    many.into_iter().chain([together]).chain(single).collect()
}

/// Every answer, one by one and all together.
fn answers(root: &Path, manifest: &Manifest) -> Vec<(String, Reply, Vec<u8>)> {
    let root = Arc::new(Root::folder(root).unwrap());
    let mut broker = Broker::new(&root, manifest, Ok(users::current()));
    let requests = prying();
    let mut answers: Vec<_> = requests
        .iter()
        .map(|request| {
            let answer = ask(&mut broker, request);
            (format!("{request:?}"), answer.reply, answer.data)
        })
        .collect();
    let together = ask(&mut broker, &Request::Several { requests });
    answers.push((format!("{:?}", prying()), together.reply, together.data));
    answers
}

#[test]
fn what_is_not_declared_makes_no_difference_to_any_answer() {
    let (with, without) = (root_with(true), root_with(false));
    let manifest = manifest(DECLARED);
    let (with, without) = (answers(with.path(), &manifest), answers(without.path(), &manifest));
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(with, without, "{}", with.0);
        let said = serde_json::to_string(&with.1).unwrap();
        for name in ["merger-plans", "/secret/deep", "on/to", "UTF-8", "nested"] {
            assert!(!said.contains(name) || with.0.contains(name), "{} names {name}: {said}", with.0);
        }
        assert!(!with.2.windows(6).any(|bytes| bytes == b"secret"), "{}", with.0);
    }
}

#[test]
fn what_is_declared_is_found_by_whatever_glob() {
    let folder = root_with(true);
    let root = Arc::new(Root::folder(folder.path()).unwrap());
    let mut broker = Broker::new(&root, &manifest(DECLARED), Ok(users::current()));
    for glob in [
        "/**",
        "/*/*/*/*/*",
        "/var/**/*.conf",
        "/var/lib/app/{data,.conf.d}/*.conf",
        "/{var/lib,srv}/app/*/[ab].conf",
        "/var/lib/app/**/*.conf",
    ] {
        let request = Request::ReadMany { globs: vec![glob.to_owned()], except: vec![] };
        let Reply::Ok(Granted::ReadMany(list)) = ask(&mut broker, &request).reply else { panic!("{glob}") };
        let read = list.files.iter().filter(|file| matches!(file.size, Outcome::Ok(1)));
        let read: Vec<_> = read.map(|file| file.path.as_str()).collect();
        assert_eq!(read, ["/var/lib/app/.conf.d/b.conf", "/var/lib/app/data/a.conf"], "{glob}");
        assert!(Glob::new(glob).is_ok());
    }
}

/// Which directories of a root were opened or listed, as the kernel saw it.
fn opened(root: &Path, directories: &[&str], ask: impl FnOnce()) -> Vec<String> {
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    let mut known = std::collections::BTreeMap::new();
    for directory in directories {
        let flags = WatchFlags::OPEN | WatchFlags::ACCESS;
        let number = inotify::add_watch(&watch, root.join(directory), flags).unwrap();
        known.insert(number, (*directory).to_owned());
    }
    ask();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(&watch, &mut buffer);
    let mut opened = std::collections::BTreeSet::new();
    while let Ok(event) = reader.next() {
        let of_itself = event.file_name().is_none() && !event.events().contains(ReadFlags::IGNORED);
        opened.extend(known.get(&event.wd()).filter(|_| of_itself).cloned());
    }
    opened.into_iter().collect()
}

#[test]
fn no_directory_is_opened_in_which_nothing_declared_can_match() {
    let folder = root_with(true);
    let root = Arc::new(Root::folder(folder.path()).unwrap());
    let directories =
        ["secret", "secret/deep", "srv", "srv/on", "var/lib/merger-plans", "var/lib", "var/lib/app/data"];
    let ask_for = |declared: &str, globs: Vec<&str>| {
        let mut broker = Broker::new(&root, &manifest(declared), Ok(users::current()));
        let globs = globs.into_iter().map(str::to_owned).collect();
        opened(folder.path(), &directories, || {
            ask(&mut broker, &Request::ReadMany { globs, except: vec![] });
        })
    };
    let every = vec!["/**", "/*/*", "/*/*/*/*", "/secret/**", "/var/lib/*/*", "/var/lib/app/linked/*"];
    assert_eq!(ask_for(DECLARED, every), ["var/lib/app/data"], "/var/lib has one name that counts: no list");
    let listed = ask_for("read = ['/var/lib/a*/data/*.conf']", vec!["/var/lib/*/*/*"]);
    assert_eq!(listed, ["var/lib", "var/lib/app/data"], "a pattern in the manifest needs a list");
}

#[test]
fn the_space_of_what_a_path_only_begins_like_is_not_reported() {
    let folder = root_with(true);
    let base = fs::canonicalize(folder.path()).unwrap();
    let base = base.display();
    let manifest = manifest(&format!("statfs = ['{base}/var/lib/app/**']"));
    let mut broker = Broker::new(&Arc::new(Root::live().unwrap()), &manifest, Ok(users::current()));
    let outcome = |broker: &mut Broker, path: &str| {
        let paths = vec![format!("{base}/var/lib/app/{path}")];
        match ask(broker, &Request::Statfs { paths }).reply {
            Reply::Ok(Granted::Statfs(mut outcomes)) => match outcomes.remove(0) {
                Outcome::Ok(_) => None,
                Outcome::Refused(cause) => Some(cause.kind),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome(&mut broker, "data"), None);
    assert_eq!(outcome(&mut broker, "nothing"), Some(CauseKind::Absent));
    for elsewhere in ["../../../secret", "../../../nothing", "data/../../../../../..", "linked", "linked/x"] {
        assert_eq!(outcome(&mut broker, elsewhere), Some(CauseKind::NotDeclared), "{elsewhere}");
    }
}

#[test]
fn links_of_processes_are_not_followed_to_where_they_lead() {
    let manifest = manifest("read = ['/proc/self/**', '/proc/[0-9]*/**', '/etc/hostname', '/proc/mounts']");
    let mut broker = Broker::new(&Arc::new(Root::live().unwrap()), &manifest, Ok(users::current()));
    let mut kind = |request: Request| match ask(&mut broker, &request).reply {
        Reply::Ok(_) => None,
        Reply::Refused(cause) => Some(cause.kind),
    };
    let own = std::process::id();
    assert_eq!(kind(Request::Read { path: "/proc/self/status".into() }), None, "an ordinary link");
    assert_eq!(kind(Request::Read { path: "/proc/mounts".into() }), None, "two of them");
    for path in [
        "/proc/self/root/etc/hostname".to_owned(),
        format!("/proc/{own}/root/etc/hostname"),
        format!("/proc/{own}/cwd"),
        format!("/proc/{own}/exe"),
        format!("/proc/{own}/fd/0"),
        format!("/proc/{own}/task/{own}/root/etc/hostname"),
    ] {
        for request in [Request::Read { path: path.clone() }, Request::Stat { path: path.clone() }] {
            let kind = kind(request);
            assert!(
                matches!(kind, Some(CauseKind::NotPermitted | CauseKind::NotDeclared)),
                "{path}: {kind:?}"
            );
        }
    }
    for path in ["/dev/fd/0", "/dev/stdin", "/dev/fd"] {
        assert_eq!(kind(Request::Read { path: path.into() }), Some(CauseKind::NotDeclared), "{path}");
    }
}
