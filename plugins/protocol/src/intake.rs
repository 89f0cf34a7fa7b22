//! Holding what a plugin sent against its contract.
//!
//! What is not declared is dropped and said; a wrong type becomes unknown and is said; what a plugin does not mention
//! becomes unknown unless it may be absent; a secret is replaced by the facts derived from it and its value is gone.

use std::collections::BTreeMap;

use crate::contract::{Contract, Derived, Field, Sensitivity, Shape};
use crate::fact::{Cause, CauseKind, Elements, Fact};

/// The most notes that are kept of one target; the rest is counted.
const MAX_NOTES: usize = 20;

/// The longest text that is taken, in bytes: a setting or a path, not a document.
const MAX_TEXT: usize = 64 << 10;

/// Whole numbers beyond this magnitude are not exact in JSON readers that use doubles.
pub const MAX_EXACT: i64 = 1 << 53;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// A record with exactly the declared names.
    pub facts: Fact,
    /// What was dropped or refused, one sentence each, for the plugin's author.
    pub notes: Vec<String>,
}

/// Holds `sent` against `contract`. A `sent` that is unknown as a whole makes every fact unknown with its cause.
pub fn admit(contract: &Contract, sent: Fact) -> Admitted {
    let mut intake = Intake { notes: Vec::new(), more: 0 };
    let facts = match sent {
        Fact::Map(map) => intake.record(&contract.plugin, &contract.fields, map.items),
        Fact::Unknown(cause) => all_unknown(&contract.fields, &cause),
        other => {
            intake.note(format!("the plugin sent {} instead of a record", other.type_name()));
            let cause = Cause::new(CauseKind::WrongType, "the plugin sent no record");
            all_unknown(&contract.fields, &cause)
        }
    };
    if intake.more > 0 {
        intake.notes.push(format!("and {} more of the kind", intake.more));
    }
    Admitted { facts, notes: intake.notes }
}

/// The facts of a plugin that gave none: every declared name, unknown for the same reason.
pub fn all_unknown(fields: &BTreeMap<String, Field>, cause: &Cause) -> Fact {
    let fields = fields
        .iter()
        .filter(|(_, field)| field.sensitivity != Sensitivity::Secret)
        .map(|(name, field)| {
            let fact = match &field.shape {
                Shape::Record(inner) => all_unknown(inner, cause),
                _ => cause.clone().into(),
            };
            (name.clone(), fact)
        })
        .collect::<BTreeMap<_, _>>();
    fields.into()
}

struct Intake {
    notes: Vec<String>,
    more: usize,
}

impl Intake {
    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES { self.notes.push(note) } else { self.more += 1 }
    }

    fn record(
        &mut self,
        path: &str,
        fields: &BTreeMap<String, Field>,
        mut sent: BTreeMap<String, Fact>,
    ) -> Fact {
        let mut kept = BTreeMap::new();
        for (name, field) in fields {
            let sent = sent.remove(name);
            if field.sensitivity == Sensitivity::Secret {
                derive(name, field, sent, &mut kept);
                continue;
            }
            let inner = format!("{path}.{name}");
            match sent {
                Some(fact) => _ = kept.insert(name.clone(), self.field(&inner, field, fact)),
                // Derived facts are computed beside their secret, and a record is present if any of it is.
                None if field.optional || kept.contains_key(name) || computed(fields, name) => {}
                None => {
                    let cause = Cause::new(CauseKind::NotReported, "the plugin did not report it");
                    let fact = match &field.shape {
                        Shape::Record(fields) => all_unknown(fields, &cause),
                        _ => cause.into(),
                    };
                    kept.insert(name.clone(), fact);
                }
            }
        }
        for name in sent.into_keys() {
            self.note(format!("`{path}.{}` is not in the contract and was dropped", printable(&name)));
        }
        kept.into()
    }

    fn field(&mut self, path: &str, field: &Field, sent: Fact) -> Fact {
        match (&field.shape, sent) {
            (Shape::Record(fields), Fact::Unknown(cause)) => all_unknown(fields, &cause),
            (_, Fact::Unknown(cause)) => Fact::Unknown(cause),
            (_, Fact::Text(value)) if value.len() > MAX_TEXT => {
                let message = format!("`{path}` is a text of {} KiB, more than is taken", value.len() >> 10);
                self.note(message.clone());
                Fact::unknown(CauseKind::TooLarge, message)
            }
            (Shape::Bool | Shape::Scalar, fact @ Fact::Bool(_)) => fact,
            (Shape::Float, Fact::Int(value)) => Fact::Float(value as f64),
            (Shape::Int | Shape::Scalar, fact @ Fact::Int(_)) => fact,
            (Shape::Float | Shape::Scalar, fact @ Fact::Float(_)) => fact,
            (Shape::Text | Shape::Scalar, fact @ Fact::Text(_)) => fact,
            (Shape::Time, Fact::Text(value)) if is_time(&value) => Fact::Text(value),
            (Shape::Record(fields), Fact::Map(map)) => self.record(path, fields, map.items),
            (Shape::List(element), Fact::List(list)) => {
                let inner = format!("{path}[]");
                let items = list.items.into_iter().map(|item| self.field(&inner, element, item)).collect();
                Fact::List(Elements { items, partial: list.partial })
            }
            (Shape::Map(element), Fact::Map(map)) => {
                let inner = format!("{path}{{}}");
                let items = map.items.into_iter();
                let items = items.map(|(name, item)| (name, self.field(&inner, element, item))).collect();
                Fact::Map(Elements { items, partial: map.partial })
            }
            (shape, sent) => {
                let message =
                    format!("`{path}` is declared as {shape}, the plugin sent {}", sent.type_name());
                self.note(message.clone());
                let cause = Cause::new(CauseKind::WrongType, message);
                match shape {
                    Shape::Record(fields) => all_unknown(fields, &cause),
                    _ => cause.into(),
                }
            }
        }
    }
}

/// Whether `name` is derived from a secret among `fields`.
fn computed(fields: &BTreeMap<String, Field>, name: &str) -> bool {
    fields.iter().any(|(secret, field)| field.derived.iter().any(|derived| derived.fact_name(secret) == name))
}

fn derive(name: &str, field: &Field, sent: Option<Fact>, kept: &mut BTreeMap<String, Fact>) {
    for derived in &field.derived {
        let fact = match (&sent, derived) {
            (Some(Fact::Text(value)), Derived::Present) => Fact::Bool(!value.is_empty()),
            (Some(Fact::Text(value)), Derived::IsDefault) => {
                Fact::Bool(field.default.as_ref() == Some(value))
            }
            (Some(Fact::Text(value)), Derived::LengthClass) => length_class(value).into(),
            (Some(Fact::Unknown(cause)), _) => Fact::Unknown(cause.clone()),
            (Some(_), _) => Fact::unknown(CauseKind::WrongType, "the plugin sent something else than text"),
            (None, Derived::Present) if field.optional => Fact::Bool(false),
            (None, _) if field.optional => continue,
            (None, _) => Fact::unknown(CauseKind::NotReported, "the plugin did not report it"),
        };
        kept.insert(derived.fact_name(name), fact);
    }
}

fn length_class(value: &str) -> &'static str {
    match value.chars().count() {
        0 => "empty",
        1..8 => "short",
        8..16 => "medium",
        _ => "long",
    }
}

/// Whether `value` has the form `2026-11-22T02:13:00Z`, in which times compare as text.
pub fn is_time(value: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    value.len() == FORM.len()
        && value.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        })
}

/// At most 60 printable characters of a name that a plugin sent.
fn printable(name: &str) -> String {
    name.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::contract::{RawContract, validate};
    use crate::document::Document;

    fn contract() -> Contract {
        #[derive(Deserialize)]
        struct File {
            facts: RawContract,
        }
        let document = Document::new(
            "plugin.toml",
            "[facts]\nport = { type = 'int' }\nratio = { type = 'float' }\nnote = { type = 'text', optional = true }\n\
             started = { type = 'time', optional = true }\n\
             disks = { type = 'list', key = 'name' }\n'disks[].name' = { type = 'text' }\n\
             settings = { type = 'map', of = 'scalar' }\n\
             password = { type = 'text', sensitivity = 'secret', derived = ['present', 'length-class', 'is-default'], default = 'changeme' }\n",
        );
        let file: File = document.parse().unwrap();
        validate("demo", file.facts, &document).unwrap()
    }

    fn admitted(sent: serde_json::Value) -> (serde_json::Value, Vec<String>) {
        let admitted = admit(&contract(), Fact::from_json(sent).unwrap());
        (admitted.facts.to_json(), admitted.notes)
    }

    #[test]
    fn what_fits_passes_and_the_secret_does_not() {
        let (facts, notes) = admitted(json!({
            "port": 1, "ratio": 2, "disks": [{"name": "a"}], "settings": {"x": true, "y": "z"}, "password": "changeme",
        }));
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(facts["ratio"], json!(2.0));
        assert_eq!(facts["password_is_default"], json!(true));
        assert_eq!(facts["password_length_class"], json!("medium"));
        assert!(!facts.to_string().contains("changeme"), "{facts}");
    }

    #[test]
    fn undeclared_facts_are_dropped_and_said() {
        let (facts, notes) =
            admitted(json!({"port": 1, "shadow": "x", "disks": [{"name": "a", "serial": 1}]}));
        assert!(facts.get("shadow").is_none());
        assert_eq!(
            notes,
            [
                "`demo.disks[].serial` is not in the contract and was dropped",
                "`demo.shadow` is not in the contract and was dropped"
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_unknown_and_never_a_value() {
        let (facts, notes) = admitted(json!({"port": "5432", "started": "yesterday"}));
        assert_eq!(facts["port"]["$unknown"]["kind"], "wrong-type");
        assert_eq!(facts["started"]["$unknown"]["kind"], "wrong-type");
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn silence_is_unknown_unless_the_fact_may_be_absent() {
        let (facts, _) = admitted(json!({}));
        assert_eq!(facts["port"]["$unknown"]["kind"], "not-reported");
        assert!(facts.get("note").is_none());
        assert_eq!(facts["password_present"]["$unknown"]["kind"], "not-reported");
    }

    #[test]
    fn a_text_that_is_a_document_is_not_taken() {
        let (facts, notes) = admitted(json!({"note": "x".repeat(MAX_TEXT + 1)}));
        assert_eq!(facts["note"]["$unknown"]["kind"], "too-large");
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn notes_are_bounded() {
        let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("x{n}"), json!(n))).collect();
        let (_, notes) = admitted(many.into());
        assert_eq!(notes.len(), MAX_NOTES + 1);
        assert_eq!(notes.last().unwrap(), "and 80 more of the kind");
    }

    #[test]
    fn a_time_has_one_form() {
        assert!(is_time("2026-11-22T02:13:00Z"));
        assert!(!is_time("2026-11-22T02:13:00+01:00"));
        assert!(!is_time("2026-11-22T02:13:00.5Z"));
    }
}
