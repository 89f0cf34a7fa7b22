//! JSON for programs, which people nevertheless look at in terminals.
//!
//! What a terminal would act on (see [`acts`]) is written as `\u…`, which every reader of JSON turns back into the same
//! text: what a program gets is unchanged, and no text of a site is ever raw on a screen.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::value::{acts, printable_ascii};

/// Indented, with a newline at the end.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let mut text = written(value, Tame(PrettyFormatter::new()));
    text.push('\n');
    text
}

/// In one line.
pub(crate) fn compact(value: &impl Serialize) -> String {
    written(value, Tame(CompactFormatter))
}

fn written(value: &impl Serialize, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail, and all that is written here has text as keys.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    String::from_utf8(bytes).unwrap_or_default()
}

/// A formatter that escapes more than JSON demands.
struct Tame<F>(F);

/// Hands the listed methods on as they are.
macro_rules! hand_on {
    ($($name:ident($($argument:ident: $kind:ty),*)),* $(,)?) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })*
    };
}

impl<F: Formatter> Formatter for Tame<F> {
    hand_on!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    );

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if printable_ascii(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(acts) {
            let (before, after) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut letters = after.chars();
            for unit in letters.next().into_iter().flat_map(|c| {
                let mut units = [0_u16; 2];
                c.encode_utf16(&mut units).to_vec()
            }) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = letters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped_and_reads_back_the_same() {
        let sample = json!({ "a\u{9b}": ["\u{1b}[2J\n", "x\u{7f}\u{202e}y\u{e0041}z", "naïve"], "n": 1.5, "e": {}, "l": [] });
        for text in [compact(&sample), pretty(&sample)] {
            assert!(!text.trim_end().chars().any(|c| acts(c) && c != '\n'), "{text:?}");
            assert!(text.contains("x\\u007f\\u202ey\\udb40\\udc41z") && text.contains("naïve"), "{text}");
            assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), sample);
        }
    }

    #[test]
    fn all_else_is_as_serde_writes_it() {
        let sample = json!({ "a": [1, true, null, "b\"\\"], "c": { "d": {}, "e": [[], [1]] } });
        assert_eq!(compact(&sample), serde_json::to_string(&sample).unwrap());
        assert_eq!(pretty(&sample), serde_json::to_string_pretty(&sample).unwrap() + "\n");
    }
}
