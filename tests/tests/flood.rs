//! Plugins that flood: whatever one sends or asks for, the agent needs no more memory than it may, and the facts of
//! everybody else come through whole.

use std::fs;
use std::process::Command;

use goodstead_tests::hostile::Site;
use goodstead_tests::hostile::kinds::{FLOOD, FLOODS};
use goodstead_tests::peak::{self, Costs};
use goodstead_tests::tree::{Run, verdict};
use serde_json::Value as Json;

/// The most that the agent itself may take at any time, in KiB: 150 MB.
const MOST: u64 = 150_000_000 / 1024;

/// The address space of the agent, in bytes: an allocation that grows with what a plugin sends ends it here.
const ADDRESSES: u64 = 3 << 30;

/// Those of which many facts are kept.
const KEPT: [&str; 4] = [
    "floods_with_a_partial_list",
    "floods_with_empty_records",
    "floods_with_unknown_records",
    "floods_with_settings",
];

/// A site with a plugin for each of these modes, each with a contract that makes much of little.
fn site(modes: &[&str]) -> Site {
    let site = Site::new();
    for name in modes {
        site.check_of(name);
        let folder = site.declare(name, 120, "");
        let manifest = fs::read_to_string(folder.join("plugin.toml")).unwrap();
        let fields: String =
            (0..40).map(|n| format!("\"records[].f{n}\" = {{ type = \"text\" }}\n")).collect();
        // Hostile as it is, it declares that it words causes, so that those are kept.
        let texts =
            "[texts]\ncauses = { about = \"anything\" }\ntarget_titles = { about = \"anything\" }\n[facts]\n";
        let manifest = manifest.replace("[facts]\n", texts) + "records = { type = \"list\" }\n" + &fields;
        fs::write(folder.join("plugin.toml"), manifest).unwrap();
        site.compile(FLOOD, name, &[], &folder.join("libhostile.so"));
    }
    let large = site.folder().join("allowed/large");
    fs::create_dir(&large).unwrap();
    for file in 1..=6 {
        fs::write(large.join(file.to_string()), vec![b'x'; (16 << 20) - 1]).unwrap();
    }
    site
}

/// Checks with everything that is installed; what the agent itself took.
fn scan(site: &Site, what: &str) -> Costs {
    let saved = site.tree.scratch("saved.json").display().to_string();
    let plain =
        site.tree.goodstead(&["check", "--format", "json", "--fail-on", "never", "--save-facts", &saved]);
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={ADDRESSES}")).arg(plain.get_program()).args(plain.get_args());
    command.env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    let costs = peak::of_itself(command);
    assert_eq!(costs.run.code, 0, "{what}: {}", costs.run.stderr);
    assert!(costs.peak_kib < MOST, "{what}: the agent took {} KiB", costs.peak_kib);
    costs
}

/// Everything that was judged of the host without any flood is judged with it.
fn assert_the_host_is_whole(what: &str, run: &Run, before: &Json) {
    let judged = |report: &Json| {
        let verdicts = report["verdicts"].as_array().unwrap().iter();
        let of_host = verdicts.filter(|it| it["target"] == "linux" && it["verdict"] != "unknown");
        of_host.map(|it| it["id"].to_string()).collect::<Vec<_>>().len()
    };
    let report = run.report();
    // Checks of counters that are compared with the previous scan are judged from the second on.
    assert!(judged(&report) >= judged(before), "{what}: facts of the host are missing");
}

#[test]
fn whatever_one_plugin_floods_with_costs_its_own_facts_and_little_memory() {
    let quiet = Site::new().tree.check(&["--fail-on", "never"]).1;
    for mode in FLOODS {
        let site = site(&[mode]);
        // The second scan has the first one's facts beside its own, where any were kept.
        let turns = if KEPT.contains(&mode) { &["first", "second"][..] } else { &["first"] };
        for turn in turns {
            let costs = scan(&site, mode);
            println!("{mode}, {turn} scan: {} KiB, {:?}", costs.peak_kib, costs.time);
            assert_the_host_is_whole(mode, &costs.run, &quiet);
        }
        let database = fs::metadata(site.tree.scratch("state/state.db")).unwrap().len();
        assert!(database < 64 << 20, "{mode}: the state has {database} bytes");
    }
}

#[test]
fn many_plugins_that_flood_at_once_share_one_budget() {
    let modes = [
        "floods_with_maps",
        "floods_with_empty_records",
        "floods_with_a_cause",
        "floods_with_settings",
        "floods_itself_with_files",
        // More than run at once.
        "floods_with_a_partial_list",
        "floods_with_unknown_records",
        "floods_with_hints",
        "floods_with_large_hints",
        "floods_with_titles",
        "floods_with_data",
        "floods_with_globs",
    ];
    let quiet = Site::new().tree.check(&["--fail-on", "never"]).1;
    let site = site(&modes);
    for turn in ["first", "second"] {
        let costs = scan(&site, "all at once");
        println!("{turn} scan: {} KiB, {:?}", costs.peak_kib, costs.time);
        assert_the_host_is_whole("all at once", &costs.run, &quiet);
        let reader = "floods_itself_with_files.greeting-wrong";
        let report = costs.run.report();
        assert_eq!(verdict(&report, reader, "floods_itself_with_files")["verdict"], "pass");
    }
}
