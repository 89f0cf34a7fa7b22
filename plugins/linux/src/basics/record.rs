//! Records some of whose facts may be absent.

use std::collections::BTreeMap;

use goodstead_plugin::Fact;

/// A record of what is known; `None` is absent.
pub(crate) fn record<const N: usize>(facts: [(&str, Option<Fact>); N]) -> Fact {
    let known = facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
    known.collect::<BTreeMap<_, _>>().into()
}
