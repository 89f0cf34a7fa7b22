//! What the first lines of a pack's file tell, without reading all of it.

use goodstead_protocol::document::Document;

use crate::progress::Kind;

/// How nearly every file begins, told before any TOML has to be understood: with its id, or its kind and its id.
#[derive(Clone, Copy)]
pub(super) struct Beginning<'d> {
    pub(super) kind: Option<&'d str>,
    pub(super) id: &'d str,
}

impl<'d> Beginning<'d> {
    pub(super) fn of(source: &'d str) -> Option<Beginning<'d>> {
        fn text<'a>(line: &'a str, key: &str) -> Option<&'a str> {
            let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
            let (text, _) = value.strip_prefix('"')?.split_once('"')?;
            (!text.contains('\\')).then_some(text)
        }
        let mut lines =
            source.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
        let first = lines.next()?;
        let kind = text(first, "kind");
        let id = text(if kind.is_some() { lines.next()? } else { first }, "id")?;
        Some(Beginning { kind, id })
    }
}

/// The id of a check; `None` for whatever else a file is.
pub(super) fn check_id(document: &Document, beginning: Option<Beginning<'_>>) -> Option<String> {
    match beginning {
        Some(Beginning { kind: None | Some("check"), id }) => return Some(id.to_owned()),
        Some(_) => return None,
        None => {}
    }
    let parsed = document.parsed().ok()?;
    let is_check = Kind::of(&parsed).is_ok_and(|kind| kind == Kind::Check);
    is_check.then(|| parsed.text("id").map(|(id, _)| id.to_owned())).flatten()
}
