//! What capabilities, milestones and tasks have in common: who they are, what they are good for, whom they concern.

use std::collections::BTreeSet;

use goodstead_model::Link;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use semver::Version;
use toml::Spanned;

use super::combine::{Known, switch};
use crate::case::{Case, RawCase};
use crate::condition::{Condition, Env, Scope};
use crate::load::version;
use crate::reader::Reader;
use crate::template::Template;

/// The common part.
#[derive(Debug, Clone)]
pub struct Head {
    /// `<plugin>.<kebab>`.
    pub id: String,
    /// The plugin whose targets are judged.
    pub plugin: String,
    /// What it is, for people.
    pub title: String,
    /// The pack version that brought it.
    pub since: Version,
    /// Which targets it concerns; all when there is none.
    pub applies: Option<Condition>,
    /// Markdown: what it is good for.
    pub why: String,
    /// Markdown: how to come to it, as it stands in the file until it is rendered for a site.
    pub remedy: Template,
    /// Where to read more.
    pub links: Vec<Link>,
    /// The file that it stands in.
    pub file: String,
    /// The admin's own, not the vendor's.
    pub local: bool,
    /// The place of its id.
    pub(crate) place: Place,
}

/// The common keys as they stand in the file.
pub(super) struct RawHead {
    pub(super) id: Spanned<String>,
    pub(super) title: Spanned<String>,
    pub(super) since: Spanned<String>,
    pub(super) applies: Option<Spanned<String>>,
    pub(super) why: Spanned<String>,
    pub(super) remedy: Spanned<String>,
    pub(super) links: Vec<Spanned<Link>>,
}

/// A head whose plugin is known, with the names in sight of its conditions and the cases that were admitted.
pub(super) struct Begun<'a, E> {
    pub(super) head: Option<Head>,
    pub(super) env: Env<'a>,
    pub(super) cases: Vec<Case<E>>,
}

impl Head {
    /// Whether it concerns the target.
    pub(super) fn applies(&self, scope: &Scope<'_>) -> Known<bool> {
        self.applies.as_ref().map_or(Ok(true), |applies| switch(applies, scope))
    }
}

impl<'a> Reader<'a> {
    /// Reads what is common. Without its plugin's contract no condition can be checked, and there is nothing.
    pub(super) fn begin<E>(&mut self, raw: RawHead, cases: Vec<RawCase<E>>) -> Option<Begun<'a, E>> {
        self.prose(&[("title", &raw.title), ("why", &raw.why), ("remedy", &raw.remedy)], &raw.links);
        let since = version(&raw.since).map_err(|message| {
            self.error("bad-version", message, raw.since.span(), "versions look like 1.2.0 (semver)");
        });
        let plugin = self.plugin_of(&raw.id)?;
        let contract = self.around.plugins.contract(&plugin)?;
        let env =
            self.names(contract).without("item", "`item` is known only in checks, where `each` names a list");
        let applies =
            raw.applies.as_ref().map(|source| self.expression(source, &env, Condition::compile_bool));
        let remedy = Template::parse(raw.remedy.get_ref(), &env);
        let remedy = self.kept(remedy, &raw.remedy);
        let cases = self.cases(cases, contract);
        let place = self.document.place(raw.id.span());
        let head = || {
            Some(Head {
                id: raw.id.into_inner(),
                plugin,
                title: raw.title.into_inner(),
                since: since.ok()?,
                applies: applies.map_or(Some(None), |applies| applies.map(Some))?,
                why: raw.why.into_inner(),
                remedy: remedy?,
                links: raw.links.into_iter().map(Spanned::into_inner).collect(),
                file: self.document.file.clone(),
                local: self.around.local,
                place,
            })
        };
        let head = head();
        Some(Begun { head, env, cases })
    }

    /// Refuses the ids in `blocked_by` of which the pack has no check.
    pub(super) fn known_checks(&mut self, ids: &[Spanned<String>]) {
        let known: &BTreeSet<String> = self.around.checks;
        for id in ids.iter().filter(|id| !known.contains(id.get_ref())) {
            let message = format!("this pack has no check `{}`", id.get_ref());
            let found = Diagnostic::error("unknown-check", message).at(self.document.place(id.span()));
            let meant = did_you_mean(id.get_ref(), known.iter().map(String::as_str));
            self.found.push(found.help("`blocked_by` names checks of the same pack").maybe_help(meant));
        }
    }
}
