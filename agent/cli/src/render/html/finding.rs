//! A finding, waived or not, as the page shows it.

use std::collections::HashMap;
use std::rc::Rc;

use goodstead_model::{Impact, Judgement, Link, Report, Verdict};

use super::markdown;
use super::words;
use crate::render::value::value;
use crate::render::words::day;

/// How many failing items of one finding are named; the JSON has them all.
const SHOWN_ITEMS: usize = 100;

/// How many observed values of one finding are shown; the JSON has them all.
const SHOWN_EVIDENCE: usize = 50;

/// Why each check matters, rendered already: it mostly says the same on each of its targets.
#[derive(Default)]
pub(super) struct Rendered<'a>(HashMap<&'a str, (&'a str, Rc<str>)>);

impl<'a> Rendered<'a> {
    fn why(&mut self, of: &'a Judgement) -> Rc<str> {
        let render = || (of.why.as_str(), markdown::render(&of.why).into());
        let known = self.0.entry(&of.id).or_insert_with(render);
        if known.0 != of.why {
            *known = render();
        }
        Rc::clone(&known.1)
    }
}

/// Where on the page each finding stands, by check and target.
pub(super) struct Anchors<'a>(HashMap<(&'a str, &'a str), usize>);

impl<'a> Anchors<'a> {
    pub(super) fn new(report: &'a Report) -> Anchors<'a> {
        let shown = report.findings().chain(report.waived());
        Anchors(
            shown.zip(1..).map(|(one, number)| ((one.id.as_str(), one.target.as_str()), number)).collect(),
        )
    }

    /// The anchor's number; none where that is no finding of this report.
    pub(super) fn of(&self, id: &str, target: &str) -> Option<usize> {
        self.0.get(&(id, target)).copied()
    }
}

pub(super) struct Finding<'a> {
    pub(super) of: &'a Judgement,
    /// Of its anchor.
    pub(super) number: usize,
    /// Empty where nothing is lost.
    pub(super) points: String,
    /// `+2.5`; absent where nothing is gained.
    pub(super) gain: Option<String>,
    /// 4 for critical to 1 for low: for sorting, and as many bars are drawn.
    pub(super) rank: usize,
    pub(super) items: &'a [String],
    /// How many items or values are not shown.
    pub(super) more_items: usize,
    pub(super) more_evidence: usize,
    /// Who accepts it, why and until when; of a finding, that this is over.
    pub(super) waiver: Option<String>,
    /// Markup that `markdown` made, once for all targets of a check.
    pub(super) why: Rc<str>,
    pub(super) links: Vec<&'a Link>,
}

impl<'a> Finding<'a> {
    pub(super) fn new(of: &'a Judgement, anchors: &Anchors<'_>, rendered: &mut Rendered<'a>) -> Finding<'a> {
        let waived = of.verdict == Verdict::Waived;
        Finding {
            number: anchors.of(&of.id, &of.target).unwrap_or_default(),
            points: words::points(of.points).unwrap_or_default(),
            gain: (of.gain > 0.0).then(|| format!("+{:.1}", of.gain)),
            rank: match of.impact {
                Impact::Critical => 4,
                Impact::High => 3,
                Impact::Medium => 2,
                Impact::Low => 1,
            },
            items: of.items.get(..SHOWN_ITEMS).unwrap_or(&of.items),
            more_items: of.items.len().saturating_sub(SHOWN_ITEMS),
            more_evidence: of.evidence.len().saturating_sub(SHOWN_EVIDENCE),
            waiver: of.waiver.as_ref().map(|waiver| {
                let over = if waived { "" } else { ", which is over" };
                let since = day(&waiver.since);
                format!("Waived until {}{over}, by {} on {since}: {}", waiver.until, waiver.who, waiver.why)
            }),
            why: rendered.why(of),
            links: web(&of.links),
            of,
        }
    }
}

/// What is made only when its place on the page has come, so that a thousand findings are never all in memory twice.
impl Finding<'_> {
    /// What was observed, by the fact's path.
    pub(super) fn evidence(&self) -> impl Iterator<Item = (&str, String)> {
        let shown = self.of.evidence.iter().take(SHOWN_EVIDENCE);
        shown.map(|evidence| (evidence.path.as_str(), value(&evidence.value, evidence.unit)))
    }

    /// Whether there is something to do; of what is waived the advice was declined.
    pub(super) fn advised(&self) -> bool {
        self.of.verdict != Verdict::Waived && !self.of.remedy.is_empty()
    }

    /// What to do, as markup that `markdown` made.
    pub(super) fn remedy(&self) -> String {
        markdown::render(&self.of.remedy)
    }
}

/// The links that may be followed.
pub(super) fn web(links: &[Link]) -> Vec<&Link> {
    links.iter().filter(|link| markdown::is_web(&link.url)).collect()
}
