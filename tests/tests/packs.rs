//! The shipped packs, through the shipped program.

use goodstead_tests::tree::Tree;
use serde_json::Value as Json;

#[test]
fn every_case_of_every_shipped_check_holds() {
    let tree = Tree::new();
    let lint = tree.run(&["checks", "lint"]);
    assert_eq!((lint.code, lint.stderr.as_str()), (0, ""), "{lint:?}");
    let run = tree.run(&["checks", "test"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.trim_end().ends_with(" cases passed, 0 failed"), "{run:?}");
    let passed: usize = run.stdout.split(' ').next().and_then(|it| it.parse().ok()).expect("a number");
    assert!(passed >= 3 * 16, "{passed} cases");
}

#[test]
fn a_check_lies_where_its_id_says_and_can_be_explained() {
    let tree = Tree::new();
    let list = tree.run(&["checks", "list", "--format", "json"]).report();
    for pack in list.as_array().unwrap() {
        let name = pack["pack"]["name"].as_str().unwrap();
        let lists = [
            ("checks", ""),
            ("capabilities", "capabilities/"),
            ("milestones", "milestones/"),
            ("tasks", "tasks/"),
        ];
        assert!(pack["checks"].as_array().unwrap().len() >= 8, "{name} has too few checks");
        for (list, folder) in lists {
            let entries = pack[list].as_array().unwrap();
            entries.iter().for_each(|entry| lies_where_its_id_says(entry, name, folder));
            are_explained(&tree, entries);
        }
    }
}

fn lies_where_its_id_says(entry: &Json, pack: &str, folder: &str) {
    let id = entry["id"].as_str().unwrap();
    let (product, problem) = id.split_once('.').unwrap();
    assert_eq!(product, pack, "{id}");
    let file = entry["file"].as_str().unwrap();
    assert!(file.ends_with(&format!("/{product}/{folder}{problem}.toml")), "{entry}");
}

/// All of them in one run: reading the packs is what takes its time.
fn are_explained(tree: &Tree, entries: &[Json]) {
    if entries.is_empty() {
        return;
    }
    let ids = entries.iter().map(|entry| entry["id"].as_str().unwrap());
    let explained = tree.run(&["explain"].into_iter().chain(ids).collect::<Vec<_>>());
    assert_eq!((explained.code, explained.stderr.as_str()), (0, ""), "{explained:?}");
    let told = explained.words();
    for entry in entries {
        for key in ["id", "title"] {
            let said = entry[key].as_str().unwrap();
            assert!(told.contains(said), "{said} is not explained");
        }
        for fact in entry["facts"].as_array().unwrap() {
            assert!(told.contains(fact.as_str().unwrap()), "{fact} of {} is not told", entry["id"]);
        }
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    let tree = Tree::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = tree.run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("goodstead"), "{shell}: {run:?}");
    }
}

#[test]
fn explain_shows_what_the_agent_itself_saw_at_the_last_scan() {
    let tree = Tree::new();
    let case = |name: &str, cpus: &str, expect: &str| {
        format!("[[case]]\nname = \"{name}\"\nfacts.host.cpus = {cpus}\nexpect = \"{expect}\"\n")
    };
    let cases = [("many", "200000", "pass"), ("few", "4", "fail"), ("not known", "\"$unknown\"", "unknown")];
    let cases: String = cases.map(|(name, cpus, expect)| case(name, cpus, expect)).concat();
    let check = format!(
        "id = \"linux.few-processors\"\ntitle = \"Few processors\"\nsince = \"0.1.0\"\nconcern = \"cost\"\n\
         impact = \"low\"\nlikelihood = \"low\"\npass = 'host.cpus > 100000'\nwhy = \"A sample.\"\n\
         remedy = \"Add some.\"\n{cases}"
    );
    tree.local_check("own", "few-processors.toml", &check);
    let before = tree.run(&["explain", "linux.few-processors"]);
    assert!(!before.stdout.contains("host.cpus ="), "{before:?}");
    tree.check(&["--fail-on", "never"]);
    let after = tree.run(&["explain", "linux.few-processors"]);
    let cpus = std::thread::available_parallelism().unwrap();
    assert!(after.words().contains(&format!("pass is false host.cpus = {cpus}")), "{after:?}");
}

/// `psql -c` sends all of a code span as one transaction, in which ALTER SYSTEM is refused.
#[test]
fn a_code_span_holds_one_statement_where_alter_system_is_one() {
    let mut seen = 0;
    for file in goodstead_fuzzed::replay::files(&goodstead_tests::checkout().join("checks/postgresql")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for span in text.split('`').skip(1).step_by(2).filter(|span| span.contains("ALTER SYSTEM")) {
            assert!(span.matches(';').count() <= 1, "{}: {span}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} spans");
}
