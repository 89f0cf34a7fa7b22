//! What a condition may be in size, judged on its text before any parser sees it.
//!
//! A parser that recurses can be made to run out of stack, so the depth of the tree is bounded from the text: brackets,
//! and the operators that follow one another at each level of them.

use std::iter::Peekable;
use std::str::Bytes;

use super::Problem;

/// The longest condition, in bytes.
pub(super) const MAX_SOURCE: usize = 4096;
/// The most brackets inside one another.
pub(super) const MAX_BRACKETS: usize = 64;
/// The most operators, selections and brackets that can lie inside one another.
pub(super) const MAX_DEPTH: usize = 128;
/// The most list macros inside one another.
pub(super) const MAX_MACROS: usize = 2;

/// What counts towards the depth at one level of brackets.
#[derive(Default)]
struct Level {
    /// Operators since the last `&&`, `||` or comma; chains of those two are balanced by the parser.
    run: usize,
    /// Conditionals since the last comma: they nest to the right across `&&` and `||`.
    conditionals: usize,
}

/// How deep a condition is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    brackets: usize,
    depth: usize,
}

impl Size {
    /// Whether the slow parser may be asked: in a debug build it takes some 100 KiB of stack for each bracket, and a
    /// thread has 2 MiB.
    pub(super) fn is_shallow(self) -> bool {
        self.brackets <= 6 && self.depth <= 48
    }
}

/// Refuses what is too long or too deep.
pub(super) fn check(source: &str) -> Result<Size, Problem> {
    if source.len() > MAX_SOURCE {
        let message = format!("the condition is {} bytes long; {MAX_SOURCE} is the limit", source.len());
        return Err(Problem::new("condition-too-long", message).help("split it into several checks"));
    }
    let mut levels = vec![Level::default()];
    let mut bytes = source.bytes().peekable();
    let mut before = b' ';
    let mut size = Size::default();
    while let Some(byte) = bytes.next() {
        let raw = matches!(before, b'r' | b'R');
        let in_word = before.is_ascii_alphanumeric() || matches!(before, b'_' | b'.');
        before = byte;
        let nested = levels.len() > 1;
        let Some(level) = levels.last_mut() else { break };
        match byte {
            b'"' | b'\'' => skip_text(&mut bytes, byte, raw)?,
            b'/' if bytes.peek() == Some(&b'/') => _ = bytes.find(|byte| *byte == b'\n'),
            b'(' | b'[' | b'{' => levels.push(Level::default()),
            b')' | b']' | b'}' if nested => {
                levels.pop();
                // What follows a bracket holds it: `f(x).y`, `a[0][1]`.
                if let Some(level) = levels.last_mut() {
                    level.run += 1;
                }
            }
            b',' => *level = Level::default(),
            b'&' | b'|' if bytes.peek() == Some(&byte) => level.run = 0,
            b'?' => level.conditionals += 1,
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' | b'=' => level.run += 1,
            // `in`, and a few names that begin like it.
            b'i' if !in_word && bytes.peek() == Some(&b'n') => level.run += 1,
            _ => {}
        }
        size.brackets = size.brackets.max(levels.len() - 1);
        if size.brackets > MAX_BRACKETS {
            let message = format!("more than {MAX_BRACKETS} brackets lie inside one another");
            return Err(Problem::new("condition-too-deep", message).help("split it into several checks"));
        }
        let depth: usize = levels.iter().map(|level| 1 + level.run + 2 * level.conditionals).sum();
        size.depth = size.depth.max(depth);
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
    }
    Ok(size)
}

/// Goes past the end of a text, so that what stands in it is not taken for brackets.
fn skip_text(bytes: &mut Peekable<Bytes<'_>>, quote: u8, raw: bool) -> Result<(), Problem> {
    let mut empty = true;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if !raw => _ = bytes.next(),
            _ if byte == quote => break,
            _ => {}
        }
        empty = false;
    }
    if empty && bytes.peek() == Some(&quote) {
        let message = "texts in three quotes are not read";
        return Err(Problem::new("condition-syntax", message).help("write the text in one pair of quotes"));
    }
    Ok(())
}

/// The problem of a condition whose tree is too deep.
pub(super) fn too_deep() -> Problem {
    Problem::new("condition-too-deep", "too many operators follow one another without `&&`, `||` or a comma")
        .help("split it into several checks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> Option<&'static str> {
        check(source).err().map(|problem| problem.code)
    }

    #[test]
    fn length_and_depth_are_refused_before_parsing() {
        assert_eq!(code(&"a".repeat(MAX_SOURCE + 1)), Some("condition-too-long"));
        assert_eq!(code(&"(".repeat(MAX_BRACKETS + 1)), Some("condition-too-deep"));
        assert_eq!(code(&format!("{}a{}", "(".repeat(MAX_BRACKETS), ")".repeat(MAX_BRACKETS))), None);
        for chain in
            ["!", "-", "a.", "a ? b : ", "a + ", "a in ", "'a'in", "a\tin\t", "a[0]", "a == ", "a||b?c:"]
        {
            assert_eq!(code(&chain.repeat(400)), Some("condition-too-deep"), "{chain}");
        }
    }

    #[test]
    fn what_stands_in_quotes_does_not_count() {
        assert_eq!(code(&format!("a == \"{}\"", "([".repeat(500))), None);
        assert_eq!(code(&format!("a == 'it\\'s {}'", "([".repeat(500))), None);
        assert_eq!(code(&format!("a in [{}]", "'x.y', ".repeat(300))), None);
        assert_eq!(code(&"a.b == 1 && ".repeat(200)), None);
        assert_eq!(code(&format!("a // {}\n", "(".repeat(100))), None);
    }

    #[test]
    fn quotes_hide_no_brackets() {
        let deep = "(".repeat(MAX_BRACKETS + 1);
        assert_eq!(code(&format!("r'\\' + {deep}")), Some("condition-too-deep"));
        assert_eq!(code(&format!("a // it's\n{deep}")), Some("condition-too-deep"));
        assert_eq!(code(&format!("'\\\\' + {deep}")), Some("condition-too-deep"));
        assert_eq!(code("\"\"\"a\"\"\""), Some("condition-syntax"));
    }
}
