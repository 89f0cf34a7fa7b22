//! Waivers: failed checks that somebody accepts for a while, with a name and a reason.
//!
//! A waiver changes the word and nothing else: what failed is waived instead, and its points stay lost. It never
//! touches what passed or could not be judged, and it ends by itself after its last day.

use goodstead_model::{Judgement, Verdict, Waiver};

/// One accepted check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The check's id.
    pub check: String,
    /// The target on which it is accepted; on all of them when there is none.
    pub target: Option<String>,
    /// Who, why, since when and until when.
    pub waiver: Waiver,
}

impl Accepted {
    fn concerns(&self, judgement: &Judgement) -> bool {
        self.check == judgement.id && self.target.as_ref().is_none_or(|target| *target == judgement.target)
    }
}

/// The waivers that concern what a scan looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers {
    /// All of them, expired ones too.
    pub all: Vec<Accepted>,
    /// The day of the scan in UTC: `2026-11-22`.
    pub today: String,
}

/// A waiver that does nothing, so that it can be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idle {
    /// No check and target of this scan fits it.
    Unmatched(Accepted),
    /// It has expired, and nothing that it concerns fails any more.
    Expired(Accepted),
}

impl Waivers {
    /// Turns what failed and is accepted into waived; of what failed and was accepted, the expired waiver is told.
    pub(crate) fn apply(&self, judgements: &mut [Judgement]) -> Vec<Idle> {
        for judgement in judgements.iter_mut().filter(|judgement| judgement.verdict == Verdict::Fail) {
            let Some(accepted) = self.of(judgement) else { continue };
            if !accepted.waiver.expired(&self.today) {
                judgement.verdict = Verdict::Waived;
            }
            judgement.waiver = Some(accepted.waiver.clone());
        }
        self.all.iter().filter_map(|accepted| self.idle(accepted, judgements)).collect()
    }

    /// The waiver of a judgement: one that holds before one that has expired, one of its target before one of all, and
    /// of two that are left the longer one.
    fn of(&self, judgement: &Judgement) -> Option<&Accepted> {
        let rank = |accepted: &&Accepted| {
            let waiver = &accepted.waiver;
            (!waiver.expired(&self.today), accepted.target.is_some(), waiver.until.clone())
        };
        self.all.iter().filter(|accepted| accepted.concerns(judgement)).max_by_key(rank)
    }

    fn idle(&self, accepted: &Accepted, judgements: &[Judgement]) -> Option<Idle> {
        let mut concerned = judgements.iter().filter(|judgement| accepted.concerns(judgement)).peekable();
        if concerned.peek().is_none() {
            return Some(Idle::Unmatched(accepted.clone()));
        }
        let needed = concerned.any(|judgement| judgement.verdict == Verdict::Fail);
        (accepted.waiver.expired(&self.today) && !needed).then(|| Idle::Expired(accepted.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{CHECK, facts, loaded, waiver};
    use crate::judge::{Target, judge};

    fn accepted(check: &str, target: Option<&str>, until: &str) -> Accepted {
        Accepted { check: check.to_owned(), target: target.map(str::to_owned), waiver: waiver(until) }
    }

    /// The check on three targets: it fails on `a`, passes on `b`, and is unknown on `c`.
    fn applied(all: Vec<Accepted>) -> (Vec<String>, Vec<Idle>) {
        let target = |name: &str, port| Target {
            id: format!("demo:{name}"),
            plugin: "demo".to_owned(),
            facts: facts(port),
            previous: None,
            container: None,
            importance: 1.0,
            deployment: "d".to_owned(),
        };
        let targets =
            [target("a", json!({"port": 80})), target("b", json!({"port": 81})), target("c", json!({}))];
        let pack = loaded(&[CHECK]).pack.unwrap();
        let mut judgements = judge(&[pack], &targets, &goodstead_protocol::fact::Fact::record());
        let idle = Waivers { all, today: "2026-11-22".to_owned() }.apply(&mut judgements);
        let told = judgements.iter().map(|one| {
            let until = one.waiver.as_ref().map_or("", |waiver| &waiver.until);
            format!("{} {until}", one.verdict).trim_end().to_owned()
        });
        (told.collect(), idle)
    }

    #[test]
    fn only_what_failed_becomes_waived() {
        let (told, idle) = applied(vec![accepted("demo.port-taken", None, "2026-11-22")]);
        assert_eq!(told, ["waived 2026-11-22", "pass", "unknown"], "and it holds on its last day");
        assert_eq!(idle, []);
        let (told, idle) = applied(vec![accepted("demo.port-taken", Some("demo:b"), "2026-11-22")]);
        assert_eq!((told[0].as_str(), idle), ("fail", vec![]), "the waiver of another target");
    }

    #[test]
    fn an_expired_waiver_is_a_finding_again_and_says_so() {
        let (told, idle) = applied(vec![accepted("demo.port-taken", Some("demo:a"), "2026-11-21")]);
        assert_eq!((told[0].as_str(), idle), ("fail 2026-11-21", vec![]));
    }

    #[test]
    fn what_holds_goes_before_what_has_expired_and_the_nearer_before_the_wider() {
        let expired = accepted("demo.port-taken", Some("demo:a"), "2026-11-01");
        let wide = accepted("demo.port-taken", None, "2027-05-01");
        let near = accepted("demo.port-taken", Some("demo:a"), "2026-12-01");
        assert_eq!(applied(vec![expired, wide.clone()]).0[0], "waived 2027-05-01");
        assert_eq!(applied(vec![near.clone(), wide.clone()]).0[0], "waived 2026-12-01");
        assert_eq!(applied(vec![wide, near]).0[0], "waived 2026-12-01");
    }

    #[test]
    fn what_does_nothing_is_told() {
        let gone = accepted("demo.port-taken", Some("demo:old"), "2027-05-01");
        let unknown = accepted("demo.no-check", None, "2027-05-01");
        let done = accepted("demo.port-taken", Some("demo:b"), "2026-11-01");
        let (_, idle) = applied(vec![gone.clone(), done.clone(), unknown.clone()]);
        assert_eq!(idle, [Idle::Unmatched(gone), Idle::Expired(done), Idle::Unmatched(unknown)]);
    }
}
