//! The rules as one would write them, and as nobody should.

use goodstead_plugin::fake::{FakeSite, manifest};
use serde_json::{Value as Json, json};

use super::*;

fn fact(site: &mut FakeSite, file: Option<&str>, told: Result<Vec<Row>, Cause>) -> Fact {
    let [(_, rules), _] = facts(site, file, told, Some(16));
    rules
}

/// The lines that are refused, with why.
fn refused(text: &str, release: i64) -> String {
    let [_, (_, errors)] = facts(&mut site().file(HBA, text), Some(HBA), hidden(), Some(release));
    let errors = errors.to_json();
    let line = |error: &Json| {
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        format!("{}: {}", text("place").rsplit('/').next().unwrap(), text("problem"))
    };
    errors.as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

const HBA: &str = "/etc/postgresql/15/main/pg_hba.conf";

fn site() -> FakeSite {
    FakeSite::with_manifest(&manifest(include_str!("../../plugin.toml")))
}

fn hidden() -> Result<Vec<Row>, Cause> {
    Err(Cause::new(CauseKind::NotPermitted, "not the view either"))
}

fn told(mut site: FakeSite) -> Json {
    fact(&mut site, Some(HBA), hidden()).to_json()
}

fn short(json: &Json) -> Vec<String> {
    let list = json.as_array().or(json["$partial"].as_array()).unwrap();
    let words = |value: &Json| {
        value.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join("+")
    };
    let rule = |rule: &Json| {
        let text = |name: &str| rule[name].as_str().unwrap().to_owned();
        let mut line = format!(
            "{} {} {} {} {}",
            text("type"),
            words(&rule["databases"]),
            words(&rule["users"]),
            text("scope"),
            text("method")
        );
        for flag in ["client_certificate", "shadowed"] {
            if rule[flag] == true {
                line.push_str(&format!(" {flag}"));
            }
        }
        line
    };
    list.iter().map(rule).collect()
}

#[test]
fn debian_s_own_file_is_read() {
    let file = "# comment\nlocal   all   postgres   peer\n\nlocal all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n\
                host all all ::1/128 scram-sha-256\nlocal replication all peer\n";
    let json = told(site().file(HBA, file));
    assert_eq!(json[0]["place"], format!("{HBA}:2"));
    assert_eq!(
        short(&json),
        [
            "local all postgres local peer",
            "local all all local peer",
            "host all all loopback scram-sha-256",
            "host all all loopback scram-sha-256",
            "local replication all local peer",
        ]
    );
}

#[test]
fn includes_and_files_of_names_are_followed() {
    let folder = "/etc/postgresql/15/main";
    let json = told(
        site()
            .file(HBA, "include more.conf\ninclude_if_exists gone.conf\ninclude_dir conf.d\nlocal @names.conf all peer\n")
            .file(&format!("{folder}/more.conf"), "host all all 0.0.0.0/0 trust\n")
            .file(&format!("{folder}/conf.d/b.conf"), "hostssl app app samenet cert\n")
            .file(&format!("{folder}/conf.d/a.conf"), "host app app 10.1.0.0 255.255.0.0 md5\n")
            .file(&format!("{folder}/names.conf"), "one, two # both\nthree\n"),
    );
    assert_eq!(
        short(&json),
        [
            "host all all any trust",
            "host app app network md5 shadowed",
            "hostssl app app network cert client_certificate",
            "local one+two+three all local peer",
        ]
    );
    assert_eq!(json[1]["place"], format!("{folder}/conf.d/a.conf:1"));
}

#[test]
fn no_option_but_the_certificate_is_told() {
    let json =
        told(site().file(HBA, "hostssl all all all ldap ldapbindpasswd=hunter2 clientcert=verify-full\n"));
    assert_eq!(short(&json), ["hostssl all all any ldap client_certificate"]);
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn a_rule_behind_a_wider_one_is_shadowed() {
    let json = told(site().file(
        HBA,
        "host all all all reject\nhostssl app x 10.0.0.0/8 trust\nhost replication x all md5\n\
                                       local all all peer\nlocal \"all\" all trust\n",
    ));
    assert_eq!(
        short(&json),
        [
            "host all all any reject",
            "hostssl app x network trust shadowed",
            "host replication x any md5",
            "local all all local peer",
            "local \"all\" all local trust shadowed",
        ]
    );
}

#[test]
fn what_cannot_be_read_makes_the_rules_partial() {
    for broken in [
        "host all all\n",
        "nonsense\n",
        "local all all peer,trust\n",
        "local all all scram\n",
        "host all all 10.0.0.1\n",
        "include gone.conf\n",
    ] {
        let json = told(site().file(HBA, format!("local all all peer\n{broken}")));
        assert_eq!(short(&json), ["local all all local peer"], "{broken}");
    }
    let circle = told(site().file(HBA, "include pg_hba.conf\nlocal @pg_hba.conf all peer\n"));
    assert_eq!(circle["$cause"]["kind"], "too-large", "{circle}");
}

#[test]
fn lines_that_the_server_refuses_are_named_with_the_reason() {
    let text = "local all all peer\nhost app app 10.0.0.1 scram-sha-256\nhost app app 10.0.0.0/8 scram\n\
                host app app 10.0.0.0/33 md5\nlocal app\nhostile all all all md5\nhost all all db.example.test/32 md5\n\
                host all all 10.1/16 md5\ninclude more.conf\nhost all all ::1/128 trust\nhost all all 10.0.0.1 ff:: md5\n";
    insta::assert_snapshot!(refused(text, 15), @"
    pg_hba.conf:2: the address has no mask: write it with /32 or another length
    pg_hba.conf:3: there is no such method; did you mean scram-sha-256?
    pg_hba.conf:4: the length of the mask is 0 to 32
    pg_hba.conf:5: the rule ends before its role
    pg_hba.conf:6: a rule begins with local, host, hostssl, hostnossl, hostgssenc or hostnogssenc
    pg_hba.conf:7: the name of a host has no mask
    pg_hba.conf:9: a rule begins with local, host, hostssl, hostnossl, hostgssenc or hostnogssenc
    pg_hba.conf:11: address and mask are of different families
    ");
    assert_eq!(
        refused("# nothing\n", 15),
        "pg_hba.conf: there is no rule in it, and without one the server does not start"
    );
}

#[test]
fn a_wider_network_before_a_narrower_one_shadows_it() {
    let json = told(site().file(HBA, "host all all 10.0.0.0/8 reject\nhost app a,b 10.1.0.0/16 trust\n"));
    assert_eq!((&json[1]["shadowed"], &json[1]["shadowed_by"]), (&json!(true), &json!(format!("{HBA}:1"))));
    assert_eq!(json[0].get("shadowed_by"), None);
}

#[test]
fn a_file_that_may_not_be_read_leaves_the_server_s_view() {
    let refused = || site().refused_file(HBA, CauseKind::NotPermitted, "no permission");
    assert_eq!(told(refused())["$unknown"]["detail"], "not the view either");
    let row = [
        ("line", "7"),
        ("type", "host"),
        ("databases", "[\"all\"]"),
        ("users", "[\"a\"]"),
        ("address", "0.0.0.0"),
        ("netmask", "0.0.0.0"),
        ("method", "trust"),
        ("broken", "f"),
    ];
    let row: Row = row.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let broken = Row::from([("line".to_owned(), "8".to_owned()), ("broken".to_owned(), "t".to_owned())]);
    let json = fact(&mut refused(), Some(HBA), Ok(vec![row, broken])).to_json();
    assert_eq!(short(&json), ["host all a any trust"]);
    assert_eq!(
        (&json["$partial"][0]["place"], &json["$cause"]["kind"]),
        (&json!(format!("{HBA}:7")), &json!("partial"))
    );
}

#[test]
fn nonsense_is_no_panic_and_ends() {
    for text in [
        "",
        "\0",
        "\"",
        "\"\"\"",
        ",,,",
        "@",
        "@@ @ @",
        "\\",
        "\\\n\\\n",
        "host \u{fffd} é 1.2.3.4/999 x",
        "include",
        "include a b",
    ] {
        let _ = told(site().file(HBA, text));
    }
    let long = "a,".repeat(100_000);
    let _ = told(site().file(HBA, format!("local {long} all trust")));
}

#[test]
fn what_is_cut_says_so() {
    let users: Vec<_> = (0..=MOST_NAMES).map(|n| format!("u{n}")).collect();
    let json = told(site().file(HBA, format!("local all {} peer\n", users.join(","))));
    assert_eq!(json[0]["users"]["$cause"]["kind"], "too-large", "{json}");
    let json = told(site().file(HBA, "local all all peer\n".repeat(MOST + 1)));
    assert_eq!(
        (&json["$cause"]["kind"], json["$partial"].as_array().map(Vec::len)),
        (&json!("too-large"), Some(MOST))
    );
    let whole = told(site().file(HBA, "local all all peer\n".repeat(MOST)));
    assert_eq!(whole.as_array().map(Vec::len), Some(MOST));
}
