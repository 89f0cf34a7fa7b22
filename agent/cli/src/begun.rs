//! The text of a check that is begun, and of the pack around it: right as it stands, with a word of comment on every
//! key.
//!
//! Its condition and its three cases use a real fact of the plugin, so that lint and test pass before anything is
//! changed, and each thing that is changed shows its own mistakes.

pub(crate) mod plugin;

use goodstead_engine::PLACEHOLDER;
use goodstead_protocol::contract::{Contract, Sensitivity, Shape};
use semver::Version;

/// What is known of a check before it is written.
pub(crate) struct Begun<'a> {
    pub(crate) id: &'a str,
    pub(crate) plugin: &'a str,
    /// The version of the pack that brings it.
    pub(crate) since: &'a str,
    /// The plugin's facts.
    pub(crate) contract: &'a Contract,
    /// The agent's own facts, which every check may use.
    pub(crate) host: &'a Contract,
}

/// A condition that can be tried: one on a plain fact, with a value that passes and one that fails.
struct Sample {
    fact: String,
    pass: String,
    good: &'static str,
    bad: &'static str,
}

impl Begun<'_> {
    /// The check's file; `schema` is where an editor finds what may stand in it.
    pub(crate) fn check(&self, schema: &str) -> String {
        let Begun { id, plugin, since, .. } = self;
        let Sample { fact, pass, good, bad } = self.sample();
        let todo = PLACEHOLDER;
        format!(
            r#"#:schema {schema}
# Every {todo} is yours to fill in; `goodstead checks lint` names those that are left.

# A plugin, a dot, and what the problem is called. Never changed, and never used for something else.
id = "{id}"
# The problem in one sentence that an admin understands; what to do comes below.
title = "{todo}: the problem in one sentence"
# The version of the pack that brings this check.
since = "{since}"
# reliability, security, performance, operability or cost.
concern = "operability"
# critical (data is lost), high (an outage or a hole), medium (costs time or money) or low (a nuisance).
impact = "low"
# high (will happen), medium (will happen to some) or low (needs a rare event).
likelihood = "low"
# Where it means something; elsewhere the check is not applicable. Without this line, it is judged everywhere.
# applies = '{pass}'
# Judges every element of a list, as `item`; one finding names the elements that fail.
# each = "{plugin}.some_list[]"
# What must hold, in CEL over the facts (`goodstead plugins inspect {plugin}`). {todo}: put your condition here.
pass = '{pass}'
# The values that the admin should see beside the finding.
evidence = ['{fact}']
# Markdown: what happens, when, and to whom.
why = """
{todo}: what happens, when, and to whom.
"""
# Markdown: what to do. Values in double braces are computed for the site; a sentence whose value is unknown is left out.
remedy = """
{todo}: the command that mends it.

Here it is {{{{ {fact} }}}}.
"""

# Where to read more: the official document by name and version. One block for each, or none.
[[links]]
title = "{todo}: the document, its version and section"
url = "https://example.test/{todo}"

# The examples that prove it: at least one that passes, one that fails and one that is unknown, and one for every
# situation in which a careless version would cry wolf. Facts that a case does not give are unknown.
[[case]]
name = "{todo}: as it should be"
facts.{fact} = {good}
expect = "pass"

[[case]]
name = "{todo}: as it should not be"
facts.{fact} = {bad}
expect = "fail"

[[case]]
name = "{todo}: it cannot be seen"
facts.{fact} = "$unknown"
expect = "unknown"
"#
        )
    }

    fn sample(&self) -> Sample {
        let plain = |wanted: &Shape| {
            let leaves = [self.contract, self.host].into_iter().flat_map(Contract::leaves);
            let mut plain = leaves.filter(|(path, field)| {
                field.shape == *wanted
                    && !field.optional
                    && field.sensitivity != Sensitivity::Secret
                    && !path.contains(['[', '{'])
            });
            plain.next().map(|(path, _)| path)
        };
        let of = |shape: &Shape, holds: &str, good, bad| {
            plain(shape).map(|fact| Sample { pass: format!("{fact}{holds}"), fact, good, bad })
        };
        of(&Shape::Bool, "", "true", "false")
            .or_else(|| of(&Shape::Int, " > 0", "1", "0"))
            .or_else(|| of(&Shape::Text, r#" != "bad""#, r#""good""#, r#""bad""#))
            // The agent's own contract has a number, so this is only what the compiler wants to hear.
            .unwrap_or_else(|| Sample {
                fact: "host.cpus".to_owned(),
                pass: "host.cpus > 0".to_owned(),
                good: "1",
                bad: "0",
            })
    }
}

/// The file `pack.toml` of a pack that is begun for a plugin.
pub(crate) fn pack(name: &str, plugin: &str, version: Option<&Version>, schema: &str) -> String {
    let unknown = match version {
        Some(_) => "",
        None => {
            "# The plugin was not installed here when this was begun: say which versions have the facts.\n"
        }
    };
    format!(
        "#:schema {schema}\n# The folder's name.\nname = \"{name}\"\n# What the pack is about, for people.\n\
         title = \"Checks of our own for {plugin}\"\n# Rises with every change (semver).\nversion = \"0.1.0\"\n\n\
         # The plugins whose facts the checks use, in the versions that have them.\n{unknown}[requires]\n{plugin} = \"{}\"\n",
        requirement(version)
    )
}

/// What a pack requires of a plugin that has this version now: the same facts or more. Any, where it is not known.
pub(crate) fn requirement(version: Option<&Version>) -> String {
    version.map_or_else(|| "*".to_owned(), |version| format!("^{}.{}", version.major, version.minor))
}
