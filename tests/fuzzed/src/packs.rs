//! Check packs of an admin's own, and the conditions in them.
//!
//! Whatever stands in them, loading ends with a pack or with what is wrong; what was loaded judges any facts without
//! panic and without end; and scores stay within their range.

use std::collections::BTreeMap;

use goodstead_engine::{Entitlement, Figures, Given, Loaded, PackSource, Waivers, assess, load, run_cases};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::{CauseKind, Fact};

use crate::sample::{plugins, targets};
use crate::tellable;

const PACK: &str = "name = 'demo'\ntitle = 'Demo'\nversion = '0.1.0'\n\
                    [requires]\ndemo = '^0.1'\nlinux = '^0.1'\npostgresql = '^0.1'\n";

/// A good check, with its cases.
const CHECK: &str = include_str!("../../../agent/engine/src/fixture/check.toml");

/// Reads `data` as a check, and as the pack's own file.
pub fn run(data: &[u8]) {
    let document = |file: &str| Document::from_bytes(file, data.to_vec());
    let (check, pack) = match (document("demo/a.toml"), document("demo/pack.toml")) {
        (Ok(check), Ok(pack)) => (check, pack),
        (Err(found), _) | (_, Err(found)) => return tellable(&[found]),
    };
    judge(vec![Document::new("demo/pack.toml", PACK), check]);
    judge(vec![pack, check_with("id = 'demo.a'\npass = 'demo.port != 80'\nremedy = 'Mend it.'")]);
}

/// Reads `data` as a condition: as what must hold, of each element too, and as what is shown.
pub fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = quoted(text);
    let shown = quoted(&format!("Mend {{{{ {} }}}} now. And then?", String::from_utf8_lossy(data)));
    let named = |file: &str, lines: String| Document { file: file.to_owned(), ..check_with(&lines) };
    judge(vec![
        Document::new("demo/pack.toml", PACK),
        named("demo/a.toml", format!("id = 'demo.a'\npass = {text}\napplies = {text}\nremedy = 'Mend it.'")),
        named(
            "demo/b.toml",
            format!("id = 'demo.b'\npass = {text}\neach = 'demo.tables[].indexes[]'\nremedy = 'Mend it.'"),
        ),
        named(
            "demo/c.toml",
            format!("id = 'demo.c'\npass = 'demo.primary'\nevidence = [{text}]\nremedy = {shown}"),
        ),
    ]);
}

/// The check with `lines` in the place of its id, conditions and remedy.
fn check_with(lines: &str) -> Document {
    let own =
        |line: &&str| ["id =", "pass =", "evidence =", "remedy ="].iter().any(|key| line.starts_with(key));
    let rest: Vec<&str> = CHECK.lines().filter(|line| !own(line)).collect();
    Document::new("demo/a.toml", format!("{lines}\n{}", rest.join("\n")))
}

/// A TOML string; JSON's escapes are TOML's but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn judge(documents: Vec<Document>) {
    let source = PackSource { name: "demo".to_owned(), documents, local: true };
    let Loaded { pack, diagnostics, .. } = load(source, plugins());
    tellable(&diagnostics);
    let Some(pack) = pack else { return };
    let outcomes = run_cases(&pack);
    tellable(&outcomes.into_iter().filter_map(|outcome| outcome.problem).collect::<Vec<_>>());
    let figures = Figures::shipped().expect("the shipped figures");
    let host = Fact::unknown(CauseKind::NotApplicableHere, "no host");
    // Everything is licensed, for the target of which most is known.
    let entitlement = Entitlement {
        customer: "Example".to_owned(),
        deployment: "demo:known".to_owned(),
        valid_until: "2036-12-31".to_owned(),
        key: "vendor.pub".to_owned(),
        licensed: pack.capabilities.iter().map(|one| (one.head.id.clone(), 3)).collect::<BTreeMap<_, _>>(),
    };
    let given = Given { entitlement: Some(entitlement), ..Given::default() };
    let assessment = assess(&[pack], targets(), &host, &Waivers::default(), &figures, &given);
    for judgement in &assessment.judgements {
        assert!(judgement.points.is_finite() && judgement.gain.is_finite(), "{judgement:?}");
    }
    for one in assessment.adoption.iter().flat_map(|adoption| &adoption.capabilities) {
        assert!(one.extent.is_none_or(|extent| (0.0..=1.0).contains(&extent)), "{one:?}");
    }
    for one in &assessment.tasks {
        assert!(one.completions <= one.attempts, "{one:?}");
    }
    if let Some(readiness) = assessment.readiness {
        let range = readiness.range;
        assert!(0.0 <= range.low && range.low <= range.high && range.high <= 100.0, "{range:?}");
    }
}
