//! All there is to say about a check, a capability, a milestone or a task, for a person at a terminal.

use goodstead_engine::Step;
use goodstead_model::Link;
use goodstead_protocol::contract::Field;

use super::page::{BOLD, DIM, Page};
use super::value::{plain, value};
use super::words::moment;

/// What is true of it everywhere.
pub(crate) struct About<'a> {
    pub(crate) title: &'a str,
    /// Its id, and what it is in few words.
    pub(crate) kind: String,
    pub(crate) file: &'a str,
    /// What the reason is called.
    pub(crate) reason: &'static str,
    pub(crate) why: &'a str,
    pub(crate) remedy: &'a str,
    /// Its conditions by name.
    pub(crate) judged: Vec<(&'static str, String)>,
    /// The facts that it looks at, with what their contract says of them.
    pub(crate) facts: Vec<(String, Option<&'a Field>)>,
    pub(crate) links: &'a [Link],
    /// Who accepts it, where, why and until when.
    pub(crate) waived: Vec<String>,
}

/// How it stands on this host.
pub(crate) struct Here {
    /// When the last scan began.
    pub(crate) time: String,
    pub(crate) on: Vec<Standing>,
}

/// How it stands on one target or deployment.
pub(crate) struct Standing {
    pub(crate) of: String,
    /// What came of it, in words.
    pub(crate) state: String,
    /// Why it is not known.
    pub(crate) because: Option<String>,
    /// What its conditions came to, and the values that they looked at.
    pub(crate) steps: Vec<Step>,
    /// What to do, computed for this host; empty where nothing is.
    pub(crate) remedy: String,
}

/// All of it in at most `width` columns.
pub(crate) fn text(about: &About<'_>, here: Option<&Here>, width: usize) -> String {
    let mut page = Page::new(width);
    page.about(about);
    if let Some(here) = here {
        page.here(here);
    }
    page.text
}

impl Page {
    fn about(&mut self, about: &About<'_>) {
        self.wrapped_in(BOLD, "", "", about.title);
        self.wrapped_in(DIM, "", "", &about.kind);
        self.wrapped_in(DIM, "", "", about.file);
        self.heading(about.reason);
        self.prose_at("  ", about.why);
        self.heading("What to do");
        self.prose_at("  ", about.remedy);
        if about.remedy.contains("{{") {
            self.wrapped_in(DIM, "  ", "  ", "Values in braces are computed for the site.");
        }
        self.heading("How it is judged");
        for (name, source) in &about.judged {
            let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
            self.wrapped(&format!("  {name:<10} "), "             ", &source);
        }
        self.facts(&about.facts);
        if !about.links.is_empty() {
            self.heading("Read");
        }
        for link in about.links {
            self.wrapped("  ", "    ", &format!("{}: {}", link.title, link.url));
        }
        if !about.waived.is_empty() {
            self.heading("Waived");
        }
        for waived in &about.waived {
            self.wrapped("  ", "    ", waived);
        }
    }

    fn heading(&mut self, heading: &str) {
        put!(self, "\n{BOLD}{heading}{BOLD:#}");
    }

    fn facts(&mut self, facts: &[(String, Option<&Field>)]) {
        if !facts.is_empty() {
            self.heading("What it looks at");
        }
        for (path, field) in facts {
            let about = field.map_or(String::new(), |field| format!(" {DIM}{}{DIM:#}", plain(&field.about)));
            self.wrapped_styled("  ", "    ", &format!("{}{about}", plain(path)));
        }
    }

    fn here(&mut self, here: &Here) {
        self.heading(&format!("Here, on {}", plain(&moment(&here.time))));
        for Standing { of, state, because, steps, remedy } in &here.on {
            self.wrapped("  ", "    ", &format!("{of}: {state}"));
            if let Some(because) = because {
                self.wrapped("    because ", "      ", because);
            }
            for step in steps {
                let item = step.item.as_ref().map_or(String::new(), |item| format!(" of {item}"));
                let came = format!("{}{item} is {}", step.key, value(&step.value, None));
                self.wrapped("    ", "      ", &came);
                for (path, fact) in &step.facts {
                    self.wrapped("      ", "        ", &format!("{path} = {}", value(fact, None)));
                }
            }
            self.prose_at("    ", remedy);
        }
    }
}
