//! The page holds whatever a report may hold, and nothing that a site wrote becomes more than text.

use goodstead_model::Report;
use serde_json::{Value as Json, json};

use super::report;

const SAMPLES: [&str; 3] = [
    include_str!("../../../../model/samples/report-1.json"),
    include_str!("../../../../model/samples/report-2.json"),
    include_str!("../../../../model/samples/report-3.json"),
];

/// Markup, the end of an attribute, an escape sequence, marks of direction, lines, a template's own signs.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{1b}[2J\u{9b}\u{202e}\u{2066}\u{7f}\r\0{{ 7 }}{% x %}&amp;--></style>";

fn sample(number: usize) -> Report {
    serde_json::from_str(SAMPLES[number - 1]).unwrap()
}

/// The sample with every text of it replaced: all but the words that a report must have.
fn every_text_is(text: &str) -> Report {
    let mut json: Json = serde_json::from_str(SAMPLES[2]).unwrap();
    json["selection"] = json!({ "targets": ["linux"] });
    for pointer in texts(&json, String::new()) {
        let place = json.pointer_mut(&pointer).unwrap();
        let before = std::mem::replace(place, text.into());
        if serde_json::from_value::<Report>(json.clone()).is_err() {
            *json.pointer_mut(&pointer).unwrap() = before;
        }
    }
    serde_json::from_value(json).unwrap()
}

/// Where all texts stand.
fn texts(json: &Json, at: String) -> Vec<String> {
    let below = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
    match json {
        Json::String(_) => vec![at],
        Json::Array(list) => {
            list.iter().enumerate().flat_map(|(number, it)| texts(it, below(&number.to_string()))).collect()
        }
        Json::Object(map) => map.iter().flat_map(|(key, it)| texts(it, below(key))).collect(),
        _ => Vec::new(),
    }
}

/// The tags of a page with their attributes' names, in order.
fn markup(page: &str) -> Vec<String> {
    let body = page.split_once("<body>").unwrap().1.split_once("<script>").unwrap().0;
    let tags = body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap());
    tags.map(|tag| tag.split('"').step_by(2).collect()).collect()
}

#[test]
fn no_text_of_a_report_becomes_markup_or_acts() {
    let (harmless, hostile) = (report(&every_text_is("x")), report(&every_text_is(HOSTILE)));
    assert_eq!(
        markup(&harmless),
        markup(&hostile),
        "a hostile page is made of what a harmless one is made of"
    );
    let acting = hostile.chars().find(|c| goodstead_page::acts(*c) && *c != '\n');
    assert_eq!(acting, None, "nothing acts without being seen");
    assert_eq!(hostile.matches("<script").count(), 1, "the page's own");
    assert!(hostile.matches("alert(1)").count() > 60, "and it stands there as text");
    assert!(!hostile.contains("7}}"), "{{ }} is text too");
}

#[test]
fn the_policy_names_the_very_style_and_script() {
    let page = report(&sample(2));
    for (name, tag) in [("style-src", "style"), ("script-src", "script")] {
        let text =
            page.split_once(&format!("<{tag}>")).unwrap().1.split_once(&format!("</{tag}>")).unwrap().0;
        let policy = format!("{name} &#39;{}&#39;", super::hash(text));
        assert!(page.contains(&policy), "{policy}");
    }
    assert!(page.contains("default-src &#39;none&#39;"));
    assert!(!page.contains(" style=\"") && !page.contains(" onclick"), "the policy would not let them");
}

#[test]
fn everything_a_report_tells_is_there() {
    let page = report(&sample(2));
    for part in [
        "db1.example",
        "2026-11-22 08:00:00 UTC",
        "Readiness at most 84.1 and at least 70.1 of 100",
        "Links in shared folders are not protected",
        "\u{2212}8.0",
        "fs/protected_symlinks",
        "1.0 GiB",
        "Waived until 2026-11-01, which is over, by ada on 2026-11-22: The host is replaced in January",
        "Waived until 2027-01-01, by ada",
        "<a href=\"https://example.test/manual\" rel=\"noopener noreferrer\">The manual</a>",
        "this is the first scan of the target",
        "licensed, configured, not used",
        "postgresql.archiving-failing",
        "signed by development.pub",
        "linux.address-randomisation-off",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    assert!(!page.contains("linux.commit-limit-nearly-reached"), "what does not concern it is left out");
}

#[test]
fn a_finding_in_the_way_is_linked_where_it_stands_on_the_page() {
    let mut with = sample(2);
    let stuck = with.adoption.as_mut().unwrap().capabilities[0].stuck_on.as_mut().unwrap();
    (stuck.id, stuck.target) = ("linux.swappiness-zero".into(), "linux".into());
    assert!(report(&with).contains("<a href=\"#finding-2\">The archive has stopped growing"));
    assert!(!report(&sample(2)).contains("href=\"#finding-"), "what is not there is not linked");
}

#[test]
fn old_and_empty_reports_have_a_page() {
    assert!(report(&sample(1)).contains("<h2 id=\"findings\">Findings</h2>"));
    let mut empty = sample(2);
    empty.readiness = None;
    empty.host = None;
    (empty.verdicts, empty.targets, empty.packs) = Default::default();
    (empty.adoption, empty.milestones, empty.tasks) = Default::default();
    (empty.plugins, empty.access, empty.timings_ms) = Default::default();
    let page = report(&empty);
    assert!(page.contains("this host") && page.contains("nothing could be judged"), "{page}");
    assert!(page.ends_with("</html>") && !page.contains("<ol class=\"findings\""));
}

#[test]
fn masses_are_cut_and_said() {
    let mut many = sample(2);
    many.verdicts[0].items = (0..100_000).map(|number| format!("item-{number}-")).collect();
    let evidence = many.verdicts[0].evidence[0].clone();
    many.verdicts[0].evidence = vec![evidence; 1_000];
    let page = report(&many);
    assert!(page.contains("item-99-") && !page.contains("item-100-"));
    assert!(page.contains("and 99900 more, which the JSON has") && page.contains("and 950 more"));
}

#[test]
fn numbers_beyond_all_measure_stay_in_the_picture() {
    let mut odd = sample(2);
    let readiness = odd.readiness.as_mut().unwrap();
    (readiness.range.low, readiness.range.high, readiness.coverage) = (-1e300, 1e300, 1e300);
    let page = report(&odd);
    assert!(page.contains("Readiness at most 100.0 and at least 0.0 of 100"), "{page}");
    assert!(page.contains("stroke-dasharray=\"0.00 100\"") && page.contains("d=\"M0 4H100.00\""));
}
