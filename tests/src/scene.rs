//! A real PostgreSQL under the eyes of the staged agent: break it, see the finding, do what its remedy says, see it gone.

use std::fs;

use serde_json::Value as Json;

use crate::postgres::Postgres;
use crate::tree::{Tree, verdict};

/// The target's id in every scene.
const TARGET: &str = "postgresql:test";

/// What every server that these tests start is told, and why that is right.
const ALWAYS: [&str; 3] = [
    // The superuser of the tests comes in by trust.
    "hba-trust-local",
    // Debian's stable release carries an older minor release than its security archive.
    "minor-release-behind",
    // No systemd unit started it.
    "postmaster-first-oom-victim",
];

/// Those and these, sorted.
pub fn expected(more: &[&str]) -> Vec<String> {
    let mut all: Vec<_> = ALWAYS.iter().chain(more).map(|id| (*id).to_owned()).collect();
    all.sort();
    all
}

/// A server and the agent that looks at it.
pub struct Scene {
    /// The server.
    pub postgres: Postgres,
    tree: Tree,
}

/// What the agent saw.
pub struct Look(Json);

impl Scene {
    /// The agent looks at `postgres` as a member of `pg_monitor` who may see the rules of pg_hba.conf.
    pub fn of(postgres: Postgres) -> Scene {
        let tree = Tree::new();
        tree.configure(&postgres.reader());
        Scene::granted(postgres, tree)
    }

    /// The same for a standby, whose roles are its primary's.
    pub fn of_standby(standby: Postgres) -> Scene {
        let tree = Tree::new();
        tree.configure(&standby.target(""));
        Scene { postgres: standby, tree }
    }

    fn granted(postgres: Postgres, tree: Tree) -> Scene {
        postgres.grant_rules();
        Scene { postgres, tree }
    }

    /// Scans server and host.
    pub fn look(&self) -> Look {
        let (_, report) = self.tree.check(&["--fail-on", "never"]);
        Look(report)
    }

    /// Scans, lets `change` make the server's facts what only time or a great amount of data would make them, and
    /// judges those.
    pub fn look_as_if(&self, change: impl Fn(&mut Json)) -> Look {
        let file = self.tree.scratch("facts.json");
        let path = file.display().to_string();
        self.tree.check(&[TARGET, "linux", "--fail-on", "never", "--save-facts", &path]);
        let text = fs::read_to_string(&file).expect("the saved facts");
        let mut saved: Json = serde_json::from_str(&text).expect("JSON");
        let targets = saved["targets"].as_array_mut().expect("targets");
        let target = targets.iter_mut().find(|target| target["id"] == TARGET).expect("the server");
        change(&mut target["facts"]);
        fs::write(&file, saved.to_string()).expect("the changed facts");
        let (_, report) = self.tree.check(&["--fail-on", "never", "--facts", &path]);
        Look(report)
    }

    /// Runs the steps of a remedy, word for word as it prints them: for each of `beginnings` the steps that begin so.
    pub fn carry_out(&self, remedy: &str, beginnings: &[&str]) {
        for beginning in beginnings {
            let steps: Vec<_> =
                steps(remedy).into_iter().filter(|step| step.starts_with(beginning)).collect();
            assert!(!steps.is_empty(), "no step begins with {beginning}: {remedy}");
            for step in steps {
                assert!(!step.contains('…'), "{step} is no whole step");
                for statement in
                    step.split_inclusive(';').map(str::trim).filter(|statement| !statement.is_empty())
                {
                    self.postgres.sql(statement);
                }
            }
        }
        self.postgres.reload();
    }
}

impl Look {
    fn judgement(&self, check: &str) -> &Json {
        verdict(&self.0, &format!("postgresql.{check}"), TARGET)
    }

    /// The remedy of a check that fails.
    pub fn remedy(&self, check: &str) -> String {
        let judgement = self.judgement(check);
        assert_eq!(judgement["verdict"], "fail", "{judgement:#}");
        judgement["remedy"].as_str().expect("a remedy").to_owned()
    }

    /// Whether a check is no finding any more, and known not to be.
    pub fn is_clear(&self, check: &str) {
        let judgement = self.judgement(check);
        let clear = judgement["verdict"] == "pass" || judgement["verdict"] == "not-applicable";
        assert!(clear, "{judgement:#}");
    }

    /// The findings about the server, without the product's name, sorted.
    pub fn findings(&self) -> Vec<String> {
        self.with("fail")
    }

    /// The checks of the server that could not be judged, likewise.
    pub fn unknown(&self) -> Vec<String> {
        self.with("unknown")
    }

    fn with(&self, outcome: &str) -> Vec<String> {
        let verdicts = self.0["verdicts"].as_array().expect("verdicts");
        let own = verdicts.iter().filter(|it| it["target"] == TARGET && it["verdict"] == outcome);
        let name = |it: &Json| it["id"].as_str()?.strip_prefix("postgresql.").map(str::to_owned);
        let mut ids: Vec<_> = own.filter_map(name).collect();
        ids.sort();
        ids
    }
}

/// What stands in backquotes in a text, of a block of code each line.
pub fn steps(remedy: &str) -> Vec<&str> {
    remedy.split('`').skip(1).step_by(2).flat_map(str::lines).filter(|step| !step.is_empty()).collect()
}
