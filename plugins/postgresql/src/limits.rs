//! How much is asked of one server, and how long that may take: the options of `plugin.toml`, as `agent.toml` has them.

use std::time::Duration;

use goodstead_plugin::Target;

/// How much is asked of one server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// How long the conversation may take, over all databases.
    pub(crate) instance: Duration,
    /// How long one statement may take.
    pub(crate) statement: Duration,
    /// How many databases are looked into, the largest first.
    pub(crate) databases: usize,
    /// How many rows are told of one answer, and how many elements of one list.
    pub(crate) rows: usize,
}

impl Default for Limits {
    /// Those of `plugin.toml`.
    fn default() -> Self {
        Limits {
            instance: Duration::from_secs(10),
            statement: Duration::from_secs(2),
            databases: 100,
            rows: 200,
        }
    }
}

impl Limits {
    /// What the agent handed over with the target; the default where it did not.
    pub(crate) fn of(target: &Target) -> Limits {
        let Limits { instance, statement, databases, rows } = Limits::default();
        let option = |name: &str| target.options.get(name).copied();
        let count = |name, otherwise| option(name).and_then(|it| it.try_into().ok()).unwrap_or(otherwise);
        Limits {
            instance: option("instance_seconds").map_or(instance, Duration::from_secs),
            statement: option("statement_seconds").map_or(statement, Duration::from_secs),
            databases: count("databases", databases),
            rows: count("rows", rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::manifest;

    use super::*;

    #[test]
    fn the_manifest_s_options_are_these_with_these_defaults() {
        let declared = manifest(include_str!("../plugin.toml")).options;
        let options = |change: u64| {
            let changed = declared.iter().map(|(name, field)| (name.clone(), field.default + change));
            Limits::of(&Target { options: changed.collect(), ..Target::default() })
        };
        assert_eq!(options(0), Limits::default());
        let second = Duration::from_secs(1);
        let Limits { instance, statement, databases, rows } = Limits::default();
        let all = Limits {
            instance: instance + second,
            statement: statement + second,
            databases: databases + 1,
            rows: rows + 1,
        };
        assert_eq!((options(1), declared.len()), (all, 4));
    }
}
