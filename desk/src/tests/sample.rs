//! Sample reports. `number` makes the id, so that two of one number are the same report.

use std::collections::BTreeMap;

use goodstead_model::{
    Access, Adoption, Agent, Area, AreaScore, Capability, Cause, CauseKind, Concern, Entitlement, Evidence,
    Impact, Judgement, Likelihood, Link, Milestone, Obstacle, Origin, Pack, Range, Reached, Readiness,
    Report, SCHEMA, Selection, Signature, Stage, Target, TargetScore, Task, Verdict, Waiver,
};
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::Fact;

/// A report of one host with two targets in one deployment: two findings, one check not judged, one passed.
pub(crate) fn report(number: u32) -> Report {
    Report {
        schema: SCHEMA,
        id: format!("{number:032x}"),
        time: "2026-11-20T08:00:00Z".into(),
        agent: Agent { version: "0.1.0".into(), protocol: 1 },
        origin: Origin::Live,
        selection: Selection::default(),
        host: Some("db1.example".into()),
        readiness: Some(Readiness {
            range: Range { low: 31.5, high: 58.25 },
            single: None,
            coverage: 71.4,
            worst: Some("postgresql:main".into()),
            failed: 2,
            waived: 0,
            passed: 1,
            unknown: 1,
            not_yet_judged: 0,
        }),
        targets: vec![target("linux", 80.0, 91.5), target("postgresql:main", 12.0, 25.0)],
        packs: vec![Pack {
            name: "linux".into(),
            version: "0.1.0".into(),
            hash: "ab".repeat(32),
            local: false,
            signature: Signature::default(),
        }],
        verdicts: vec![fsync(), swappiness(), archiving(), passed()],
        adoption: Some(adoption()),
        milestones: vec![milestone()],
        tasks: vec![task()],
        plugins: BTreeMap::new(),
        access: BTreeMap::from([("linux".into(), Access { granted: 41, refused: 1, bytes: 65_536 })]),
        warnings: vec!["The plugin `redis` was not started: its library is missing.".into()],
        timings_ms: BTreeMap::from([("scan".into(), 84.5)]),
    }
}

/// Accepts what fails on PostgreSQL.
pub(crate) fn waive(report: &mut Report) {
    for judgement in report.verdicts.iter_mut().filter(|one| one.id == "postgresql.fsync-off") {
        judgement.verdict = Verdict::Waived;
        judgement.waiver = Some(Waiver {
            who: "ada".into(),
            why: "a bulk load until the end of the year".into(),
            since: "2026-11-19T10:00:00Z".into(),
            until: "2026-12-31".into(),
        });
    }
    if let Some(readiness) = &mut report.readiness {
        (readiness.failed, readiness.waived) = (1, 1);
    }
}

fn adoption() -> Adoption {
    let stuck_on = Obstacle {
        id: "postgresql.archiving-failing".into(),
        target: "postgresql:main".into(),
        title: "The archive has stopped growing: archiving fails".into(),
    };
    Adoption {
        entitlement: Entitlement {
            customer: "Example Databases GmbH".into(),
            deployment: "orders".into(),
            valid_until: "2036-12-31".into(),
            key: "vendor.pub".into(),
            licensed: BTreeMap::from([("postgresql.point-in-time-recovery".into(), 1)]),
        },
        capabilities: vec![Capability {
            id: "postgresql.point-in-time-recovery".into(),
            title: "Point-in-time recovery".into(),
            quantity: 1,
            weight: 3.0,
            stage: Stage::PartlyUsed,
            configured: Some(true),
            used: Some(true),
            extent: Some(0.5),
            stuck_on: Some(stuck_on),
            points: 4.5,
            gain: 4.5,
            why: "Any moment can be brought back.".into(),
            remedy: String::new(),
            links: vec![],
            cause: None,
        }],
    }
}

fn milestone() -> Milestone {
    Milestone {
        id: "postgresql.first-restore-proven".into(),
        title: "First restore proven".into(),
        deployment: "orders".into(),
        state: Reached::NotReached,
        first_seen: None,
        points: 2.25,
        gain: 2.25,
        why: "A backup is worth what its restore is.".into(),
        remedy: "Restore **one** on another machine.".into(),
        links: vec![],
        cause: None,
    }
}

fn task() -> Task {
    Task {
        id: "postgresql.archive-wal".into(),
        title: "Archiving the write-ahead log".into(),
        deployment: "orders".into(),
        window_days: 30,
        counted_since: Some("2026-11-01T08:00:00Z".into()),
        attempts: Some(14),
        completions: Some(12),
        points: 1.0,
        gain: 1.0,
        why: String::new(),
        remedy: "Look at `pg_stat_archiver`.".into(),
        links: vec![],
        cause: None,
    }
}

/// The JSON that an agent would send.
pub(crate) fn bytes(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).unwrap()
}

fn target(id: &str, low: f64, high: f64) -> Target {
    let range = Range { low, high };
    Target {
        id: id.into(),
        plugin: id.split(':').next().unwrap_or_default().into(),
        plugin_version: "0.1.0".into(),
        title: format!("The {id} of this host"),
        deployment: "orders".into(),
        container: None,
        importance: 1.0,
        score: Some(TargetScore {
            range,
            areas: vec![AreaScore { area: Area::Configuration, weight: 1.0, range }],
            halved: high < 50.0,
            coverage: 71.4,
        }),
        notes: vec![],
    }
}

fn judgement(id: &str, target: &str, title: &str, impact: Impact, verdict: Verdict) -> Judgement {
    Judgement {
        id: id.into(),
        target: target.into(),
        title: title.into(),
        concern: Concern::Reliability,
        impact,
        likelihood: Likelihood::High,
        verdict,
        points: 0.0,
        gain: 0.0,
        items: vec![],
        evidence: vec![],
        why: String::new(),
        remedy: String::new(),
        links: vec![],
        cause: None,
        waiver: None,
        event: None,
        local: false,
    }
}

fn fsync() -> Judgement {
    let title = "Committed data can be lost: fsync is off";
    Judgement {
        points: 36.75,
        gain: 31.2,
        evidence: vec![Evidence {
            path: "postgresql.settings[\"fsync\"]".into(),
            value: Fact::Bool(false),
            unit: None,
        }],
        why: "After a power loss or a kernel crash the database **can be damaged beyond repair**.".into(),
        remedy: "Set it back and reload:\n\n```sql\nALTER SYSTEM SET fsync = on;\nSELECT pg_reload_conf();\n```\n\nThen check that your last `pg_basebackup` was taken *after* that.".into(),
        links: vec![Link {
            title: "PostgreSQL 15 manual, 20.5 Write Ahead Log".into(),
            url: "https://www.postgresql.org/docs/15/runtime-config-wal.html".into(),
        }],
        ..judgement("postgresql.fsync-off", "postgresql:main", title, Impact::Critical, Verdict::Fail)
    }
}

fn swappiness() -> Judgement {
    let title = "The kernel swaps eagerly";
    Judgement {
        points: 5.0,
        gain: 4.5,
        concern: Concern::Performance,
        items: vec!["vm.swappiness".into()],
        evidence: vec![
            Evidence { path: "linux.sysctl[\"vm/swappiness\"]".into(), value: Fact::Int(60), unit: None },
            Evidence {
                path: "host.memory_bytes".into(),
                value: Fact::Int(17_179_869_184),
                unit: Some(Unit::Bytes),
            },
        ],
        why: "Pages of the database's cache are written to the swap while the file cache grows.".into(),
        remedy: "Put `vm.swappiness = 10` into `/etc/sysctl.d/90-database.conf` and run `sysctl --system`."
            .into(),
        local: true,
        ..judgement("linux.swappiness-high", "linux", title, Impact::Medium, Verdict::Fail)
    }
}

fn archiving() -> Judgement {
    let cause = Cause::new(CauseKind::NotPermitted, "the role may not read pg_stat_archiver")
        .remedy("goodstead grant postgresql --apply");
    Judgement {
        cause: Some(cause),
        ..judgement(
            "postgresql.archiver-failing",
            "postgresql:main",
            "WAL archiving fails",
            Impact::High,
            Verdict::Unknown,
        )
    }
}

fn passed() -> Judgement {
    judgement("linux.time-not-synchronised", "linux", "The clock drifts", Impact::High, Verdict::Pass)
}
