//! Whether an `archive_command` throws away what it reports as archived. Pure, and in doubt the answer is no.

/// Programs that succeed and keep nothing.
const NOTHING: [&str; 4] = ["true", ":", "echo", "exit"];

/// Whether the command cannot have kept a file: it names no file at all, its only program keeps nothing, or whatever
/// fails in it is covered up at the end.
pub(super) fn discards(command: &str) -> bool {
    if !names_a_file(command) {
        return !runs_a_script(command);
    }
    let parts = parts(command);
    let keeps_nothing = |part: &Part<'_>| succeeds_for_nothing(part.text) && !part.text.contains('>');
    match parts.as_slice() {
        [only] => keeps_nothing(only),
        [.., last] => matches!(last.before, "||" | ";") && keeps_nothing(last),
        [] => true,
    }
}

/// `%p` is the path, `%f` the name; `%%` is a per cent sign.
fn names_a_file(command: &str) -> bool {
    let plain = command.replace("%%", "");
    plain.contains("%p") || plain.contains("%f")
}

/// A program of the site's own may find the file by itself.
fn runs_a_script(command: &str) -> bool {
    parts(command).iter().any(|part| !succeeds_for_nothing(part.text))
}

/// `true`, `/bin/true`, `:`, `exit 0`, `echo …`; not `exit 1`.
fn succeeds_for_nothing(part: &str) -> bool {
    let mut words = part.split_whitespace();
    let Some(program) = words.next() else { return true };
    let name = program.rsplit('/').next().unwrap_or(program);
    NOTHING.contains(&name) && (name != "exit" || matches!(words.next(), None | Some("0")))
}

struct Part<'a> {
    /// What stands between it and the one before: empty for the first.
    before: &'a str,
    text: &'a str,
}

/// The command taken apart at `;`, `&&`, `||` and `|` outside of quotes.
fn parts(command: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut before, mut quote, mut skip) = (0, "", None, false);
    for (index, c) in command.char_indices() {
        if std::mem::take(&mut skip) {
            continue;
        }
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, ';' | '&' | '|') => {
                let rest = command.get(index..).unwrap_or_default();
                let length = if rest.starts_with("&&") || rest.starts_with("||") { 2 } else { 1 };
                parts.push(Part { before, text: command.get(start..index).unwrap_or_default().trim() });
                before = rest.get(..length).unwrap_or_default();
                start = index + length;
                skip = length == 2;
            }
            _ => {}
        }
    }
    parts.push(Part { before, text: command.get(start..).unwrap_or_default().trim() });
    // A separator at the end begins nothing.
    if parts.len() > 1 && parts.last().is_some_and(|last| last.text.is_empty()) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_keep_nothing_are_told_from_those_that_might() {
        for command in [
            "/bin/true",
            "true",
            ":",
            "exit 0",
            "echo %p",
            "/usr/bin/true %p",
            "cp %p /archive/%f || true",
            "cp %p /archive/%f; exit 0",
            "cp %p /archive/%f ; :",
            "echo archiving",
            "rsync %p backup:/wal/ || /bin/true",
            "exit",
            "true;",
        ] {
            assert!(discards(command), "{command}");
        }
        for command in [
            "cp %p /archive/%f",
            "test ! -f /archive/%f && cp %p /archive/%f",
            "cd /archive && cp -n %p %f",
            "pgbackrest --stanza=main archive-push %p",
            "barman-wal-archive backup main %p",
            "/usr/local/bin/archive-wal",
            "echo %f && cp %p /archive/%f",
            "cp %p /archive/%f || exit 1",
            "cp %p /archive/%f; exit 1",
            "true && cp pg_wal/%f /archive/",
            "gzip < %p > '/archive/; true/%f.gz'",
            "echo %p >> /var/spool/wal.list",
            "cp %p /archive/%f && true",
            "exit 1",
        ] {
            assert!(!discards(command), "{command}");
        }
    }

    #[test]
    fn nonsense_is_no_panic() {
        for command in ["", ";", "||", "&&&&", "'", "\"|", "é;é", "%", "%%p", "||||;;true", "\0\n"] {
            let _ = discards(command);
        }
    }
}
