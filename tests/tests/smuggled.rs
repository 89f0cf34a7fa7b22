//! What a plugin knows leaves only in facts that its manifest declares: not in what its targets are called, not in causes,
//! notes, warnings or what was refused, and a password not even in those.

use std::fs;

use goodstead_tests::hostile::Site;
use goodstead_tests::hostile::kinds::{PASSWORD_THIEF, SMUGGLERS, TEXTS};
use goodstead_tests::tree::Run;

/// What the plugin reads and tries to say; of letters that fit into a name and into JSON.
const READ: &str = "Zaphod42Beeblebrox";

/// The password that it is handed: a number, so that it can be said as one.
const PASSWORD: &str = "48151623";

/// A site with the plugin in this mode, whose contract has a secret besides.
fn site(mode: &str) -> Site {
    let site = Site::new();
    site.check_of("hostile");
    let folder = site.declare("hostile", 10, "connect = [\"/nowhere/*\"]");
    let manifest = fs::read_to_string(folder.join("plugin.toml")).unwrap();
    let secret =
        "secret = { type = \"text\", sensitivity = \"secret\", derived = [\"present\"], optional = true }\n";
    fs::write(folder.join("plugin.toml"), manifest + secret).unwrap();
    site.compile(TEXTS, mode, &[], &folder.join("libhostile.so"));
    site
}

/// Everything that reaches screen, disk or wire after a scan, by name.
fn all_that_leaves(site: &Site) -> Vec<(&'static str, String)> {
    let tree = &site.tree;
    let (saved, log) =
        (tree.scratch("saved.json").display().to_string(), tree.scratch("log").display().to_string());
    let run = tree.run(&["check", "--fail-on", "never", "--save-facts", &saved, "--access-log", &log]);
    assert_eq!(run.code, 0, "{run:?}");
    let both = |run: Run| format!("{}\n{}", run.stdout, run.stderr);
    let mut all = vec![
        ("the page", both(run)),
        ("the facts", fs::read_to_string(&saved).unwrap()),
        ("the access log", fs::read_to_string(&log).unwrap()),
        ("the preview", both(tree.run(&["report", "preview"]))),
        ("the report", both(tree.run(&["report", "show", "--format", "json"]))),
        ("the report at length", both(tree.run(&["report", "show", "-v"]))),
        ("the page in HTML", both(tree.run(&["report", "show", "--format", "html"]))),
        ("the kept access log", both(tree.run(&["report", "show", "--access"]))),
        ("the status", both(tree.run(&["status"]))),
    ];
    for file in ["state.db", "state.db-wal"] {
        let bytes = fs::read(tree.scratch("state").join(file)).unwrap_or_default();
        all.push(("the state", String::from_utf8_lossy(&bytes).into_owned()));
    }
    all
}

#[test]
fn what_no_contract_declares_leaves_nowhere() {
    for mode in SMUGGLERS {
        let site = site(mode);
        fs::write(site.folder().join("allowed/words"), READ).unwrap();
        for (what, text) in all_that_leaves(&site) {
            assert!(!text.contains(READ), "{mode}: in {what}: {}", around(&text, READ));
        }
        // What it did is reported all the same, in the agent's words.
        let report = site.tree.run(&["report", "show", "--format", "json"]).stdout;
        let says = |words: &str| assert!(report.contains(words), "{mode}: {words}: {report}");
        match mode {
            "says_it_beside_its_facts" => {
                says("1 fact that is not in the contract was dropped from `hostile`");
                says("`hostile.size` is declared as int, the plugin sent text");
                says("1 target was refused: plugin.toml does not ask to connect to where they listen");
                says("1 target was found on TCP addresses");
                says("\"hostile-2\"");
            }
            "says_it_instead_of_targets" => says("not there"),
            _ => says("answers nonsense: a null where a value is needed"),
        }
    }
}

#[test]
fn a_password_comes_back_in_no_form_and_nowhere() {
    let site = site(PASSWORD_THIEF);
    let file = site.tree.scratch("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    site.tree.configure(&format!(
        "[[target]]\nplugin = \"hostile\"\nname = \"mine\"\naddress = \"tcp:127.0.0.1:9\"\npassword_file = {file:?}\n"
    ));
    let backwards: String = PASSWORD.chars().rev().collect();
    for (what, text) in all_that_leaves(&site) {
        for words in [PASSWORD, &backwards] {
            assert!(!text.contains(words), "{words} in {what}: {}", around(&text, words));
        }
    }
    let saved = fs::read_to_string(site.tree.scratch("saved.json")).unwrap();
    assert!(
        saved.contains("hostile:mine") && saved.contains("it contained the target's password"),
        "{saved}"
    );
}

#[test]
fn a_password_that_cannot_be_kept_out_of_a_report_is_not_handed_out() {
    let site = site(PASSWORD_THIEF);
    let file = site.tree.scratch("password");
    fs::write(&file, "abc\n").unwrap();
    site.tree.configure(&format!(
        "[[target]]\nplugin = \"hostile\"\nname = \"mine\"\naddress = \"tcp:127.0.0.1:9\"\npassword_file = {file:?}\n"
    ));
    let run = site.tree.run(&["check", "--fail-on", "never", "--format", "json"]);
    assert!(
        run.stdout.contains("one of fewer than 4 characters could not be kept out of reports"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("cba"), "{run:?}");
}

/// The words with what is around them.
fn around(text: &str, words: &str) -> String {
    let at = text.find(words).unwrap_or_default();
    let letters: Vec<char> = text.chars().collect();
    let from = text[..at].chars().count().saturating_sub(80);
    letters[from..(from + 200).min(letters.len())].iter().collect()
}
