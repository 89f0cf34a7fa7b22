//! The plugin for @name@: what it looks at, and the facts that come of it.
//!
//! It gathers and judges nothing. Everything it wants to see it asks of the site, which holds it to `plugin.toml`.

#![deny(unsafe_code)]

use goodstead_plugin::{Cause, Fact, Plugin, Proposal, Site, SiteExt, Target, UnknownOr, facts};

/// What a target is called.
const TITLE: &str = "@name@";

/// Which file tells of the product.
const SOURCE: &str = "/etc/os-release";

/// The plugin.
#[derive(Debug, Default)]
pub struct @Type@;

impl Plugin for @Type@ {
    /// Is the product here, and how often? Each target is gathered and judged on its own; none is no error.
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        if site.read(SOURCE).is_err() {
            return Ok(Vec::new());
        }
        Ok(vec![Proposal { name: None, title: TITLE.to_owned(), address: None, hints: Default::default() }])
    }

    /// The facts of one target. What cannot be seen is unknown with its cause, and everything else is told all the same.
    fn gather(&self, _target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        let system = site.read_text(SOURCE).map(|text| system(&text));
        Ok(facts! { "system" => system.or_unknown() })
    }
}

/// What a text in the format of os-release calls the system; empty when it does not say.
fn system(text: &str) -> String {
    let named = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    named.unwrap_or_default().trim_matches('"').to_owned()
}

goodstead_plugin::export!(@Type@);

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::{FakeSite, gather, manifest};

    use super::*;

    /// The facts of a site, and what did not fit the contract.
    fn facts_of(mut site: FakeSite) -> (Fact, Vec<String>) {
        let contract = manifest(include_str!("../plugin.toml")).contract;
        let target = Target::default();
        gather::<@Type@>(&contract, &target, &mut site)
    }

    /// A site that allows what the manifest does.
    fn site() -> FakeSite {
        FakeSite::with_manifest(&manifest(include_str!("../plugin.toml")))
    }

    #[test]
    fn the_system_is_told_by_its_name() {
        let site = site().file(SOURCE, "ID=demo\nPRETTY_NAME=\"Demo 1\"\n");
        let (facts, notes) = facts_of(site);
        assert_eq!(facts.to_json()["system"], "Demo 1");
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn what_cannot_be_read_is_unknown_with_its_cause() {
        let (facts, notes) = facts_of(site());
        assert_eq!(facts.to_json()["system"]["$unknown"]["kind"], "absent");
        assert!(notes.is_empty(), "{notes:?}");
    }
}
