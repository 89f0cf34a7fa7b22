//! `[plugins.NAME.options]`: what the admin sets of the options that a plugin's manifest declares.
//!
//! Whether a name and its value are good only the manifest says, which is read after `agent.toml`. So a bad one costs
//! itself: its default holds, and the error is told with its place.

use std::collections::BTreeMap;

use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::{Manifest, OptionField};
use toml::Spanned;

use super::Config;

/// A value as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct SetOption {
    value: u64,
    /// Where its name stands.
    named: Place,
    /// Where the value stands.
    place: Place,
}

/// What the file says, with the places.
pub(super) fn set(
    raw: BTreeMap<Spanned<String>, Spanned<u64>>,
    document: &Document,
) -> BTreeMap<String, SetOption> {
    let option = |(name, value): (Spanned<String>, Spanned<u64>)| {
        let (named, place) = (document.place(name.span()), document.place(value.span()));
        (name.into_inner(), SetOption { value: value.into_inner(), named, place })
    };
    raw.into_iter().map(option).collect()
}

/// Every option of a plugin with the value that holds, and what is wrong with those that were set.
pub(crate) struct Options {
    pub(crate) values: BTreeMap<String, u64>,
    pub(crate) errors: Vec<Diagnostic>,
}

impl Config {
    /// The options of the plugin with this manifest.
    pub(crate) fn options(&self, manifest: &Manifest) -> Options {
        let declared = &manifest.options;
        let defaults = declared.iter().map(|(name, field)| (name.clone(), field.default));
        let mut options = Options { values: defaults.collect(), errors: Vec::new() };
        let of_plugin = self.plugins.get(&manifest.name).map(|plugin| &plugin.options);
        for (name, set) in of_plugin.into_iter().flatten() {
            match declared.get(name) {
                Some(field) if (field.minimum..=field.maximum).contains(&set.value) => {
                    options.values.insert(name.clone(), set.value);
                }
                Some(field) => options.errors.push(out_of_bounds(name, field, set)),
                None => options.errors.push(unknown(name, manifest, set)),
            }
        }
        options
    }
}

fn out_of_bounds(name: &str, field: &OptionField, set: &SetOption) -> Diagnostic {
    let OptionField { about, default, minimum, maximum } = field;
    let message = format!("`{name}` must lie between {minimum} and {maximum}, so {default} is used");
    Diagnostic::error("bad-limit", message).at(set.place.clone()).help(about.clone())
}

fn unknown(name: &str, manifest: &Manifest, set: &SetOption) -> Diagnostic {
    let names = || manifest.options.keys().map(String::as_str);
    let known = || match names().collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "it has none".to_owned(),
        known => format!("known here: {known}"),
    };
    let message = format!("the plugin `{}` has no option `{name}`", manifest.name);
    let help = did_you_mean(name, names()).unwrap_or_else(known);
    Diagnostic::error("unknown-key", message).at(set.named.clone()).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = 'demo'\nversion = '1.2.0'\nprotocol = 1\nlibrary = 'libdemo.so'\n\
        [options]\nrows = { about = 'rows of a list', default = 200, minimum = 1, maximum = 1000 }\n\
        seconds = { about = 'the longest', default = 2, minimum = 1, maximum = 30 }\n[facts]\n";

    fn options(options: &str) -> Options {
        let manifest = Manifest::read(&Document::new("plugin.toml", MANIFEST)).unwrap();
        let text = format!("[plugins.demo.options]\n{options}");
        Config::read(&Document::new("agent.toml", text)).unwrap().options(&manifest)
    }

    #[test]
    fn what_is_not_set_is_its_default() {
        let found = options("rows = 50\n");
        assert_eq!((found.values["rows"], found.values["seconds"], found.errors.len()), (50, 2, 0));
    }

    #[test]
    fn a_bad_one_is_told_with_its_place_and_costs_itself() {
        let found = options("rows = 5000\nsecond = 3\ncolumns = 1\nseconds = 30\n");
        assert_eq!((found.values["rows"], found.values["seconds"]), (200, 30));
        let told = found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(told, @"
        agent.toml:4:1: the plugin `demo` has no option `columns` (known here: rows, seconds)
        agent.toml:2:8: `rows` must lie between 1 and 1000, so 200 is used (rows of a list)
        agent.toml:3:1: the plugin `demo` has no option `second` (did you mean `seconds`?)
        ");
    }

    #[test]
    fn what_is_no_whole_number_is_an_error_of_the_file() {
        for value in ["'ten'", "-1", "2.5", "true"] {
            let text = format!("[plugins.demo.options]\nrows = {value}\n");
            let error = Config::read(&Document::new("agent.toml", text)).unwrap_err().remove(0).to_string();
            assert!(error.starts_with("agent.toml:2:8: invalid "), "{error}");
        }
    }
}
