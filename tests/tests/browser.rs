//! The HTML face in a real browser: for readers with a phone, in the dark, by keyboard, by ear, on paper and without
//! scripts; and what a hostile site wrote stays text.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use goodstead_tests::axe;
use goodstead_tests::browser::Browser;
use goodstead_tests::postgres::Postgres;
use goodstead_tests::tree::Tree;
use serde_json::{Value as Json, json};

const WIDTHS: [u32; 3] = [390, 768, 1280];

/// What a site would call an index if it meant harm: markup, an escape sequence, a mark of direction. PostgreSQL keeps 63
/// bytes of it.
const HOSTILE: &str = "x\"><script>window.harm=1</script>\u{1b}[2J\u{202e}live";

/// What somebody would give as a reason.
const REASON: &str = "<b>moved</b> in May <img src=x onerror=window.harm=1>";

/// Where pages and the checker lie between runs.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The page of a real server with faults, licensed, partly waived and partly out of sight; made once.
fn page() -> &'static Path {
    static PAGE: OnceLock<PathBuf> = OnceLock::new();
    PAGE.get_or_init(|| {
        let tree = Tree::new();
        let postgres =
            Postgres::start("fsync = off\nautovacuum = off\narchive_mode = on\narchive_command = 'false'");
        tree.configure(&(postgres.reader() + "deployment = \"orders\"\n"));
        for file in ["entitlement.toml", "entitlement.toml.minisig"] {
            fs::copy(tree.path("share/goodstead/examples").join(file), tree.config(file)).unwrap();
        }
        postgres.sql("CREATE TABLE t (a int, b int)");
        postgres.sql("INSERT INTO t VALUES (1, 1), (2, 1)");
        let index = format!("CREATE UNIQUE INDEX CONCURRENTLY \"{}\" ON t (b)", HOSTILE.replace('"', "\"\""));
        postgres.feed("postgres", &index).expect_err("two rows are the same, which leaves the index invalid");
        postgres.sql("SELECT pg_logical_emit_message(false, 'test', 'something')");
        postgres.sql("SELECT pg_switch_wal()");
        postgres.until("SELECT failed_count FROM pg_stat_archiver", |count| count != "0");
        let waive = ["waive", "postgresql.autovacuum-off", "--reason", REASON, "--until", "2030-01-01"];
        let waived = tree.run(&waive);
        assert_eq!(waived.code, 0, "{waived:?}");
        let file = folder().join("report.html");
        let path = file.display().to_string();
        let run = tree.run(&["check", "--fail-on", "never", "--format", "html", "--output", &path]);
        assert_eq!(run.code, 0, "{run:?}");
        let shown = tree.run(&["report", "show", "--format", "html"]);
        assert_eq!(
            shown.stdout,
            fs::read_to_string(&file).unwrap(),
            "what is kept is shown as what was made"
        );
        file
    })
}

fn browser() -> Browser {
    let browser = Browser::start();
    browser.open(page());
    browser
}

const OPEN_ALL: &str = "document.querySelectorAll('details').forEach(one => { one.open = true; })";

#[test]
fn a_checker_of_accessibility_finds_nothing_at_any_width_by_day_and_night() {
    let browser = browser();
    browser.value(&format!("{}; 0", axe::script(folder())));
    // Closed at first, as it is opened; then with everything in sight.
    nothing_is_found(&browser, "closed");
    browser.value(OPEN_ALL);
    for width in WIDTHS {
        for scheme in ["light", "dark"] {
            browser.show(width, scheme, "screen");
            nothing_is_found(&browser, &format!("{width} {scheme}"));
        }
        let wide = browser.value("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(width.into()), "nobody scrolls sideways: {wide} at {width}");
    }
}

/// By the rules of WCAG 2.2 AA and the checker's own; it also says that it looked at the colours.
fn nothing_is_found(browser: &Browser, shown: &str) {
    let found = browser.value(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
         .then(({violations, incomplete, passes}) => ({\
           looked: passes.some(rule => rule.id === 'color-contrast'),\
           found: [...violations, ...incomplete.filter(rule => rule.id !== 'color-contrast')].map(rule => \
             [rule.id, rule.help, rule.nodes.slice(0, 3).map(node => node.html.slice(0, 300))])}))",
    );
    assert_eq!(found, json!({"looked": true, "found": []}), "{shown}: {found:#}");
}

/// The names of everything with this role.
fn names<'a>(spoken: &'a [(String, String, Json)], role: &str) -> Vec<&'a str> {
    spoken.iter().filter(|(is, _, _)| is == role).map(|(_, name, _)| name.as_str()).collect()
}

#[test]
fn a_reader_by_ear_meets_landmarks_headings_in_order_and_the_pictures_in_words() {
    let browser = browser();
    browser.value(OPEN_ALL);
    let spoken = browser.spoken();
    for landmark in ["main", "banner", "navigation", "contentinfo"] {
        assert_eq!(names(&spoken, landmark).len(), 1, "{landmark}");
    }
    let headings: Vec<_> = spoken.iter().filter(|(role, _, _)| role == "heading").collect();
    let level = |node: &Json| {
        let properties = node["properties"].as_array().unwrap();
        properties.iter().find(|it| it["name"] == "level").unwrap()["value"]["value"].as_u64().unwrap()
    };
    let levels: Vec<_> = headings.iter().map(|(_, _, node)| level(node)).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{levels:?}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "no level is left out: {levels:?}");
    let titles = names(&spoken, "heading");
    for part in
        ["Readiness", "Targets", "Findings", "Adoption", "Milestones", "Tasks", "Waived", "Not judged"]
    {
        assert!(titles.contains(&part), "{part} is no heading: {titles:?}");
    }
    let pictures = names(&spoken, "image");
    assert!(
        pictures.iter().any(|name| name.starts_with("Readiness ") && name.ends_with(" of 100")),
        "{pictures:?}"
    );
    assert!(pictures.contains(&"licensed, configured, not used"), "{pictures:?}");
    let findings = names(&spoken, "DisclosureTriangle");
    let fsync = "Committed data can be lost: fsync is off";
    let heard =
        |name: &&&str| name.contains(fsync) && name.contains("points") && name.contains("critical impact");
    assert!(findings.iter().find(heard).is_some(), "{findings:?}");
    assert!(names(&spoken, "table").contains(&"Observed"), "{:?}", names(&spoken, "table"));
    let unnamed = ["link", "button", "combobox", "searchbox", "image", "DisclosureTriangle", "table"];
    for role in unnamed {
        let names = names(&spoken, role);
        assert!(!names.is_empty() && names.iter().all(|name| !name.is_empty()), "{role}: {names:?}");
    }
}

#[test]
fn without_scripts_everything_is_there_and_opens_by_keyboard() {
    let browser = Browser::start();
    browser.tell("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(page());
    let spoken = browser.spoken();
    for (role, why) in [("combobox", "sorting"), ("searchbox", "filtering"), ("button", "copying")] {
        assert_eq!(names(&spoken, role), Vec::<&str>::new(), "{why} needs a script and must not be offered");
    }
    let triangles = names(&spoken, "DisclosureTriangle").len();
    assert!(triangles > 10, "{triangles}");
    let first = |spoken: &[(String, String, Json)]| {
        let (_, name, node) = spoken
            .iter()
            .find(|(role, name, _)| role == "DisclosureTriangle" && name.contains("fsync"))
            .unwrap();
        let is = |property: &str| {
            let all = node["properties"].as_array().unwrap();
            all.iter().any(|it| it["name"] == property && it["value"]["value"] == true)
        };
        (name.clone(), is("focused"), is("expanded"))
    };
    let text = |spoken: &[(String, String, Json)]| names(spoken, "StaticText").concat();
    assert!(!text(&spoken).contains("ALTER SYSTEM SET fsync"), "it is closed");
    let focused = (0..40).any(|_| {
        browser.press("Tab", 9);
        first(&browser.spoken()).1
    });
    assert!(focused, "the first finding is reached by Tab");
    browser.press("Enter", 13);
    let opened = browser.spoken();
    let (name, _, expanded) = first(&opened);
    assert!(name.contains("fsync") && expanded, "{name}");
    assert!(text(&opened).contains("ALTER SYSTEM SET fsync"), "its advice is there");
}

#[test]
fn findings_are_sorted_filtered_opened_and_their_commands_copied() {
    let browser = browser();
    let column = |key: &str| {
        let list = browser
            .value(&format!("[...document.querySelectorAll('#list>li')].map(one => one.dataset.{key})"));
        list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let sort = |by: &str| {
        browser.value(&format!(
            "(() => {{ const sort = document.getElementById('sort'); sort.value = '{by}'; sort.dispatchEvent(new Event('change')); }})()"
        ))
    };
    let falls = |list: &[String]| {
        let numbers: Vec<f64> = list.iter().map(|it| it.parse().unwrap()).collect();
        numbers.windows(2).all(|pair| pair[0] >= pair[1])
    };
    let points = column("points");
    assert!(points.len() >= 3 && falls(&points), "{points:?}");
    // Out of order, so that sorting has something to do.
    browser.value("{ const list = document.getElementById('list'); list.append(list.firstElementChild); }");
    assert!(!falls(&column("impact")), "{:?}", column("impact"));
    sort("impact");
    assert!(falls(&column("impact")), "{:?}", column("impact"));
    sort("points");
    assert_eq!(column("points"), points);

    let shown = "[...document.querySelectorAll('#list>li')].filter(one => one.checkVisibility()).length";
    let filter = |words: &str| {
        browser.value(&format!(
            "(() => {{ const filter = document.getElementById('filter'); filter.value = {words:?}; filter.dispatchEvent(new Event('input')); }})()"
        ))
    };
    filter("FSYNC lost");
    assert_eq!(browser.value(shown), 1);
    assert_eq!(
        browser.value("document.getElementById('told').textContent"),
        format!("1 of {} findings shown", points.len())
    );
    filter("");
    assert_eq!(browser.value(shown), points.len());

    let open = "document.querySelectorAll('#list details[open]').length";
    browser.value("document.getElementById('open').click()");
    assert_eq!(browser.value(open), points.len());
    browser.value("document.getElementById('close').click()");
    assert_eq!(browser.value(open), 0);

    // What a capability is stuck on opens where it stands.
    browser.value("[...document.querySelectorAll('#adoption ~ * a[href^=\"#finding-\"]')][0].click()");
    let opened = "new Promise(done => setTimeout(() => done(document.querySelector(location.hash + ' details').open)))";
    assert_eq!(browser.value(opened), true);

    let permission = json!({"permission": {"name": "clipboard-write"}, "setting": "granted"});
    browser.tell("Browser.setPermission", permission);
    let permission = json!({"permission": {"name": "clipboard-read"}, "setting": "granted"});
    browser.tell("Browser.setPermission", permission);
    browser.tell("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
    browser.value("document.getElementById('open').click()");
    let copied = browser.value(
        "new Promise(done => {\
           const code = [...document.querySelectorAll('.remedy code')].find(one => one.textContent.includes('SET fsync'));\
           const button = code.nextElementSibling;\
           new MutationObserver(async () => done([button.textContent, code.textContent, await navigator.clipboard.readText()]))\
             .observe(button, {childList: true});\
           button.click();\
         })",
    );
    assert_eq!(copied[0], "Copied");
    assert_eq!(copied[1], copied[2], "the command as it stands");
    assert!(copied[2].as_str().unwrap().starts_with("ALTER SYSTEM SET fsync = on;"), "{copied}");
}

#[test]
fn what_a_site_wrote_stays_text_and_nothing_leaves_the_page() {
    let browser = browser();
    browser.value(OPEN_ALL);
    let seen = browser.value(
        "({harm: String(window.harm), scripts: document.scripts.length, images: document.images.length, \
           bold: [...document.querySelectorAll('b')].some(one => one.textContent === 'moved'), \
           text: document.body.innerText})",
    );
    assert_eq!(
        (&seen["harm"], &seen["scripts"], &seen["images"]),
        (&json!("undefined"), &json!(1), &json!(0))
    );
    assert_eq!(seen["bold"], false, "the reason is text");
    let text = seen["text"].as_str().unwrap();
    assert!(text.contains("<script>window.harm=1</script>") && text.contains(REASON), "{text}");
    assert!(text.contains("\\u{1b}[2J\\u{202e}live"), "what acts is seen: {text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));

    // The policy lets nothing else run, whoever asks for it; and it holds the page's own to its hashes.
    let ran = browser.value(
        "new Promise(done => { const late = document.createElement('script'); late.textContent = 'window.late = 1'; \
           document.body.append(late); setTimeout(() => done(String(window.late))); })",
    );
    assert_eq!(ran, "undefined");
    let refused = browser.log("browser");
    assert!(
        refused.len() == 1 && refused[0].contains("Content Security Policy"),
        "only the test's own: {refused:?}"
    );

    let requests: Vec<_> = browser
        .log("performance")
        .iter()
        .map(|entry| serde_json::from_str::<Json>(entry).unwrap())
        .filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent")
        .map(|entry| entry["message"]["params"]["request"]["url"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(requests, [format!("file://{}", page().display())]);
}

#[test]
fn on_paper_everything_is_open_light_and_without_what_is_for_a_screen() {
    let browser = browser();
    browser.show(794, "dark", "print");
    let seen = browser.value(
        "({closed: [...document.querySelectorAll('details .inside')].filter(one => one.getBoundingClientRect().height < 5 || !one.checkVisibility()).length, \
           all: document.querySelectorAll('details .inside').length, \
           open: document.querySelectorAll('details[open]').length, \
           ground: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color, \
           tools: [...document.querySelectorAll('.tools, .copy, .jump')].filter(one => one.checkVisibility()).length})",
    );
    assert_eq!((&seen["closed"], &seen["open"], &seen["tools"]), (&json!(0), &json!(0), &json!(0)), "{seen}");
    assert!(seen["all"].as_u64() > Some(10), "{seen}");
    assert_eq!((&seen["ground"], &seen["ink"]), (&json!("rgb(255, 255, 255)"), &json!("rgb(28, 36, 32)")));
    // By the script too, for browsers that cannot open by style; afterwards it stands as it stood.
    browser.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value("document.querySelectorAll('details:not([open])').length"), 0);
    browser.value("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.value("document.querySelectorAll('details[open]').length"), 0);
}
