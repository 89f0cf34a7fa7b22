//! What fits into one reply: its JSON has a limit in the protocol, whatever the names and reasons in it are made of.

use goodstead_protocol::channel::MAX_BODY;
use goodstead_protocol::fact::Cause;

/// How many bytes of JSON the parts of one reply may have in all; the rest of the limit is for what is around them.
pub(super) const MAX_REPLY: usize = (MAX_BODY as usize) / 4 * 3;

/// What one entry of a reply has besides its texts, at most.
const AROUND: usize = 64;

/// How many bytes an entry with this text has in JSON, at most.
pub(super) fn weight(text: &str) -> usize {
    AROUND + text.bytes().map(escaped).sum::<usize>()
}

/// The same for a reason.
pub(super) fn weight_of(cause: &Cause) -> usize {
    weight(&cause.detail) + cause.remedy.as_deref().map_or(0, weight)
}

fn escaped(byte: u8) -> usize {
    match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use goodstead_protocol::fact::CauseKind;
    use goodstead_protocol::message::{Entry, FileEntry, FileKind, Outcome};

    use super::*;

    #[test]
    fn nothing_is_heavier_than_it_was_weighed() {
        for text in ["", "plain", "\u{1}\u{2}\n\"\\/", "ä€\u{85}\u{7f}\u{fffd}", &"\u{1f}".repeat(4096)] {
            let entry = Entry { name: text.to_owned(), kind: FileKind::Folder };
            assert!(serde_json::to_vec(&entry).unwrap().len() < weight(text), "{text:?}");
            let cause = Cause::new(CauseKind::NotApplicableHere, text).remedy(text);
            let weight = weight(text) + weight_of(&cause);
            let file = FileEntry { path: text.to_owned(), size: Outcome::Refused(cause) };
            assert!(serde_json::to_vec(&file).unwrap().len() < weight, "{text:?}");
        }
    }
}
