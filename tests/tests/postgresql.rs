//! PostgreSQL in the states in which it does not want to talk: its facts are unknown, the way out is named, and the
//! exit code is left to the findings.

use std::fs;

use goodstead_tests::is_root;
use goodstead_tests::postgres::{Postgres, whoami};
use goodstead_tests::tree::{Tree, verdict};
use serde_json::Value as Json;

const FSYNC: &str = "postgresql.fsync-off";

fn judgement(tree: &Tree) -> (i32, Json) {
    let (run, report) = tree.check(&["--fail-on", "never"]);
    (run.code, verdict(&report, FSYNC, "postgresql:test").clone())
}

#[test]
fn a_role_that_is_missing_is_unknown_with_the_one_command_that_creates_it() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.target(""));
    let (code, judgement) = judgement(&tree);
    assert_eq!((code, &judgement["verdict"]), (0, &Json::from("unknown")), "{judgement:#}");
    let grant = "sudo goodstead grant postgresql --apply";
    assert_eq!(judgement["cause"]["remedy"], format!("{grant} && sudo goodstead check"), "{judgement:#}");
    let shown = tree.run(&["check", "postgresql:test", "--fail-on", "never"]).words();
    let first = shown.find(grant).expect("the command is named");
    assert!(first < shown.find("could not be judged").unwrap(), "before all else: {shown}");
    assert_eq!(shown.matches(grant).count(), 2, "once at the top and once for the cause: {shown}");
    // The command as printed works; the address keeps it away from other servers of this host.
    if is_root() {
        let run = tree.run(&["grant", "postgresql", "--address", &postgres.address(), "--apply"]);
        assert_eq!(run.code, 0, "{run:?}");
    } else {
        let user = whoami();
        postgres.sql(&format!("CREATE ROLE \"{user}\" LOGIN; GRANT pg_monitor TO \"{user}\";"));
    }
    let (_, judgement) = self::judgement(&tree);
    assert_eq!(judgement["verdict"], "pass", "{judgement:#}");
}

#[test]
fn peer_refused_password_refused_and_barred_are_told_apart_from_down() {
    let tree = Tree::new();
    let mut postgres = Postgres::start("");
    postgres.sql("CREATE ROLE secret LOGIN PASSWORD 'right horse'; GRANT pg_monitor TO secret; CREATE ROLE barred LOGIN; CREATE ROLE someone_else LOGIN");
    let wrong = tree.scratch("password");
    fs::write(&wrong, "wrong horse\n").unwrap();
    let password_file = format!("user = \"secret\"\npassword_file = \"{}\"\n", wrong.display());
    for target in ["user = \"someone_else\"\n", "user = \"barred\"\n", &password_file] {
        tree.configure(&postgres.target(target));
        let (code, judgement) = judgement(&tree);
        assert_eq!((code, &judgement["verdict"]), (0, &Json::from("unknown")), "{target}: {judgement:#}");
        assert_eq!(judgement["cause"]["kind"], "not-permitted", "{target}: {judgement:#}");
        assert!(!judgement.to_string().contains("wrong horse"), "{judgement:#}");
    }
    fs::write(&wrong, "right horse\n").unwrap();
    let (_, right) = judgement(&tree);
    assert_eq!(right["verdict"], "pass", "{right:#}");

    // Over TCP, which only ever happens because the configuration says so.
    tree.configure(
        &postgres.target(&format!("address = \"tcp:127.0.0.1:{}\"\n{password_file}", postgres.port())),
    );
    let (_, tcp) = judgement(&tree);
    assert_eq!(tcp["verdict"], "pass", "{tcp:#}");

    postgres.down();
    let (code, down) = judgement(&tree);
    assert_eq!((code, &down["cause"]["kind"]), (0, &Json::from("not-available")), "{down:#}");
}

#[test]
fn a_superuser_session_is_declined() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    tree.configure(&postgres.target("user = \"postgres\"\n"));
    let (_, judgement) = judgement(&tree);
    assert_eq!(judgement["cause"]["kind"], "not-permitted", "{judgement:#}");
    assert!(judgement["cause"]["detail"].as_str().unwrap().contains("superuser"), "{judgement:#}");
}

#[test]
fn without_pg_monitor_the_settings_are_partial_and_what_is_hidden_is_unknown() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    let user = if is_root() { "nobody".to_owned() } else { whoami() };
    postgres.sql(&format!("CREATE ROLE \"{user}\" LOGIN"));
    tree.configure(&postgres.target(""));
    let file = tree.scratch("facts.json");
    let (_, report) =
        tree.check(&["postgresql", "--fail-on", "never", "--save-facts", &file.display().to_string()]);
    assert_eq!(verdict(&report, FSYNC, "postgresql:test")["verdict"], "pass");
    let facts: Json = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let target =
        facts["targets"].as_array().unwrap().iter().find(|it| it["id"] == "postgresql:test").unwrap();
    assert_eq!(
        target["facts"]["settings"]["$cause"]["kind"], "not-permitted",
        "{}",
        target["facts"]["settings"]["$cause"]
    );
}

#[test]
fn something_else_behind_the_socket_is_unknown_not_a_hang() {
    let tree = Tree::new();
    let socket = tree.scratch("fake.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let named = if is_root() { "[plugins.postgresql]\nconnect_as = \"nobody\"\n" } else { "" };
    tree.configure(&format!(
        "{named}[[target]]\nplugin = \"postgresql\"\nname = \"test\"\naddress = \"unix:{}\"\n",
        socket.display()
    ));
    let (code, judgement) = judgement(&tree);
    assert_eq!((code, &judgement["verdict"]), (0, &Json::from("unknown")), "{judgement:#}");
    assert_eq!(judgement["cause"]["kind"], "not-available", "{judgement:#}");
}

#[test]
fn how_much_is_asked_is_the_admin_s_to_say() {
    let tree = Tree::new();
    let postgres = Postgres::start("");
    postgres.sql("CREATE DATABASE shop");
    let target = postgres.reader();
    let index = |options: &str| {
        tree.configure(&format!("{target}[plugins.postgresql.options]\n{options}\n"));
        let (run, report) = tree.check(&["postgresql:test", "--fail-on", "never"]);
        (run, verdict(&report, "postgresql.invalid-index", "postgresql:test").clone())
    };
    let (run, one) = index("databases = 1");
    assert_eq!((run.code, &one["verdict"]), (0, &Json::from("unknown")), "{run:?}");
    let detail = one["cause"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("only the 1 largest databases") && detail.ends_with("shop"), "{detail}");
    assert_eq!(index("databases = 2").1["verdict"], "pass");

    // A bad one is told and costs itself.
    for (option, told) in [
        ("databases = 0", "`databases` must lie between 1 and 1000, so 100 is used"),
        ("database = 1", "the plugin `postgresql` has no option `database`"),
    ] {
        let (run, judged) = index(option);
        assert_eq!((run.code, &judged["verdict"]), (2, &Json::from("pass")), "{run:?}");
        assert!(run.stderr.contains(told) && run.stderr.contains("agent.toml"), "{run:?}");
    }
    let inspected = tree.run(&["plugins", "inspect", "postgresql"]).stdout;
    assert!(
        inspected.contains("[plugins.postgresql.options]") && inspected.contains("statement_seconds"),
        "{inspected}"
    );
}
