//! What is installed, trusted, configured and allowed, for a person at a terminal.

use goodstead_model::Signature;

use super::page::{BOLD, GREEN, Page, RED, YELLOW};
use super::value::plain;
use super::words::{count, coverage, headline, moment};
use crate::status::{PackStatus, PluginStatus, StateStatus, Status};

/// How many of the reports that were set aside are shown with the reason.
const SHOWN_ASIDE: usize = 3;

/// All of it in at most `width` columns.
pub(crate) fn text(status: &Status, width: usize) -> String {
    let mut page = Page::new(width);
    page.wrapped(
        &format!("{BOLD}Goodstead{BOLD:#} "),
        "  ",
        &format!(
            "{}, plugin protocol {}, report schema {}, run by {}",
            status.version, status.protocol, status.report_schema, status.user
        ),
    );
    page.last_scan(&status.state);
    page.configured(status);
    page.plugins(&status.plugins);
    page.packs(status);
    page.licensed(status);
    page.kept(&status.state);
    page.text
}

impl Page {
    fn section(&mut self, name: &str) {
        put!(self, "\n{BOLD}{name}{BOLD:#}");
    }

    fn item(&mut self, text: &str) {
        self.wrapped("  ", "    ", text);
    }

    fn last_scan(&mut self, state: &StateStatus) {
        self.section("Last full scan");
        match &state.last {
            None => self.item("none is kept; goodstead check makes one"),
            Some(last) => {
                self.item(&format!("{}, report {}", moment(&last.time), last.id));
                self.item(&format!("readiness {}", headline(last.readiness.as_ref())));
                if let Some(readiness) = &last.readiness {
                    self.item(&format!("coverage {}", coverage(readiness)));
                }
            }
        }
    }

    fn configured(&mut self, status: &Status) {
        self.section("Configuration and trust");
        let config = &status.config;
        let file = &config.file;
        self.item(&match (config.present, config.sound) {
            (false, true) => format!("no {file}: using defaults"),
            (_, true) => format!("{file} is valid"),
            (_, false) => format!("{file} is broken: using defaults, and nothing is sent"),
        });
        match status.trusted_keys.as_slice() {
            [] => self.item("no key is trusted"),
            keys => self.item(&format!("trusted keys: {}", keys.join(", "))),
        }
        for folder in &status.allow_unsigned {
            self.wrapped_in(YELLOW, "  ", "    ", &format!("needs no signature: {folder}"));
        }
        if status.require_full_isolation {
            self.item("plugins run only where the kernel isolates them fully");
        }
    }

    fn plugins(&mut self, plugins: &[PluginStatus]) {
        self.section("Plugins");
        for plugin in plugins {
            let off = if plugin.enabled { "" } else { ", switched off" };
            self.item(&format!("{} {}: {}{off}", plugin.name, plugin.version, plugin.title));
            let (style, vouched) = match (&plugin.signature, &plugin.refused) {
                (Some(Signature::Signed { key }), _) => (GREEN, format!("signed by {key}")),
                (Some(_), _) => (YELLOW, "not signed, which agent.toml allows".to_owned()),
                (None, refused) => {
                    (RED, format!("refused: {}", refused.as_deref().unwrap_or("nobody vouches for it")))
                }
            };
            self.wrapped_in(style, "    ", "      ", &vouched);
            self.wrapped("    ", "      ", &format!("isolation: {}", plugin.isolation));
            if let Some(user) = &plugin.connects_as {
                self.wrapped("    ", "      ", &format!("connects as the system user {user}"));
            }
            if let Some(cause) = &plugin.connects_as_nobody {
                let help = cause.remedy.as_deref().map_or(String::new(), |help| format!("; {help}"));
                self.wrapped_in(YELLOW, "    ", "      ", &format!("connects as nobody: {cause}{help}"));
            }
            if let Some(grant) = &plugin.grant {
                self.wrapped("    ", "      ", &format!("what it needs granted: {grant}"));
            }
        }
    }

    fn packs(&mut self, status: &Status) {
        self.section("Packs");
        for PackStatus { pack, checks, capabilities, milestones, tasks } in &status.packs {
            let by = match &pack.signature {
                Signature::Signed { key } => format!("signed by {key}"),
                Signature::Local => "your own".to_owned(),
                Signature::Unsigned => "not signed, which agent.toml allows".to_owned(),
            };
            let held = [(*checks, "check"), (*milestones, "milestone"), (*tasks, "task")];
            let mut held: Vec<_> = held
                .iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, what)| count(*number, what))
                .collect();
            match capabilities {
                0 => {}
                1 => held.push("1 capability".to_owned()),
                more => held.push(format!("{more} capabilities")),
            }
            self.item(&format!("{} {}: {}; {by}", pack.name, pack.version, held.join(", ")));
        }
        for note in &status.pack_notes {
            self.wrapped_in(YELLOW, "  ", "    ", note);
        }
    }

    fn licensed(&mut self, status: &Status) {
        self.section("Licensed");
        match (&status.entitlement, &status.entitlement_problem) {
            (Some(of), _) => self.item(&format!(
                "{} for {} until {}, {} capabilities, signed by {}",
                of.customer,
                of.deployment,
                of.valid_until,
                of.licensed.len(),
                of.key
            )),
            (None, Some(problem)) => self.wrapped_in(YELLOW, "  ", "    ", problem),
            (None, None) => self.item("no entitlement is here, so adoption is not judged"),
        }
    }

    fn kept(&mut self, state: &StateStatus) {
        self.section("Kept and sent");
        if let Some(problem) = &state.problem {
            self.wrapped_in(RED, "  ", "    ", &format!("{} cannot be used: {problem}", state.file));
            return;
        }
        self.item(&format!("{} in {}", count(state.reports, "report"), state.file));
        let expired = if state.expired_waivers > 0 {
            format!(", {} expired", state.expired_waivers)
        } else {
            String::new()
        };
        self.item(&format!("{}{expired}", count(state.waivers, "waiver")));
        match &state.desk {
            Some(desk) => self.item(&format!("enrolled with {desk}; only goodstead report send sends")),
            None => self.item("enrolled with no desk: nothing leaves this machine"),
        }
        if state.spooled > 0 {
            self.item(&format!("{} waiting to be sent", count(state.spooled, "report")));
        }
        if !state.set_aside.is_empty() {
            let refused = count(state.set_aside.len(), "report");
            let text = format!("{refused} set aside because the desk refused them; report list shows all");
            self.wrapped_in(YELLOW, "  ", "    ", &text);
        }
        for one in state.set_aside.iter().take(SHOWN_ASIDE) {
            let id = one.report.get(..12).unwrap_or(&one.report);
            let text = format!("{id}, {}: HTTP {}: {}", moment(&one.time), one.status, plain(&one.reason));
            self.wrapped_in(YELLOW, "    ", "      ", &text);
        }
    }
}
