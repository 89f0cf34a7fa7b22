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
        let folders = [("capabilities", "capabilities/"), ("milestones", "milestones/"), ("tasks", "tasks/")];
        for (list, folder) in folders {
            for goal in pack[list].as_array().unwrap() {
                lies_where_its_id_says(&tree, goal, name, folder);
            }
        }
        let checks = pack["checks"].as_array().unwrap();
        assert!(checks.len() >= 8, "{name} has {} checks", checks.len());
        for check in checks {
            lies_where_its_id_says(&tree, check, name, "");
        }
    }
}

fn lies_where_its_id_says(tree: &Tree, entry: &Json, pack: &str, folder: &str) {
    let id = entry["id"].as_str().unwrap();
    let (product, problem) = id.split_once('.').unwrap();
    assert_eq!(product, pack, "{id}");
    let file = entry["file"].as_str().unwrap();
    assert!(file.ends_with(&format!("/{product}/{folder}{problem}.toml")), "{entry}");
    let explained = tree.run(&["explain", id]);
    assert!(
        explained.code == 0 && explained.stdout.contains(entry["title"].as_str().unwrap()),
        "{explained:?}"
    );
}

#[test]
fn completions_are_written_for_every_shell() {
    let tree = Tree::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = tree.run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("goodstead"), "{shell}: {run:?}");
    }
}
