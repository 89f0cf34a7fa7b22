//! Whether an `archive_command` throws away what it reports as archived. Pure, and in doubt the answer is no.

/// Programs that succeed and keep nothing.
const NOTHING: [&str; 7] = ["true", ":", "echo", "exit", "logger", "printf", "sleep"];

/// Programs that look, make room or leave a mark: where nothing else is run, nothing is kept.
const NO_COPY: [&str; 9] = ["test", "[", "cd", "ls", "stat", "touch", "rm", "mkdir", "sync"];

/// Programs whose last word is where the copy goes.
const COPY: [&str; 5] = ["cp", "mv", "install", "rsync", "scp"];

/// Programs whose output is the copy.
const PRINT: [&str; 8] = ["cat", "gzip", "pigz", "bzip2", "xz", "zstd", "lz4", "lzop"];

const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// How deep shells may stand in one another.
const MAX_DEPTH: usize = 4;

/// Whether the command cannot have kept a file: it names no file at all, its only program keeps nothing, or whatever
/// fails in it is covered up at the end.
pub(super) fn discards(command: &str) -> bool {
    if !names_a_file(command) {
        return !runs_a_script(command);
    }
    let parts = parts(command);
    if parts.iter().all(|part| keeps_nothing(part.text, 0)) {
        return true;
    }
    let covers_up = |part: &Part<'_>| succeeds_for_nothing(part.text) && !part.text.contains('>');
    matches!(parts.as_slice(), [_, .., last] if matches!(last.before, "||" | ";") && covers_up(last))
}

/// Whether a command without any separator keeps nothing, whatever it is given.
fn keeps_nothing(part: &str, depth: usize) -> bool {
    let Some(words) = words(part) else { return false };
    // What goes wrong may go anywhere.
    let is_of_errors = |word: &str| word.starts_with("2>") || word == "2>&1";
    let mut words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !is_of_errors(word)).collect();
    let into_nothing = strip_output(&mut words);
    let [program, arguments @ ..] = words.as_slice() else { return true };
    let name = program.rsplit('/').next().unwrap_or(program);
    match into_nothing {
        // It goes into a file, a list or a pipe of somebody's.
        Some(false) => false,
        _ if SHELLS.contains(&name) && depth < MAX_DEPTH => match arguments {
            ["-c", inner, ..] => self::parts(inner).iter().all(|part| keeps_nothing(part.text, depth + 1)),
            _ => false,
        },
        _ if COPY.contains(&name) => arguments.last() == Some(&"/dev/null"),
        _ if name == "dd" => arguments.contains(&"of=/dev/null"),
        // Without an output of its own it prints to the server's log.
        Some(true) => PRINT.contains(&name) || is_idle(name, arguments),
        None => name == "cat" || is_idle(name, arguments),
    }
}

fn is_idle(name: &str, arguments: &[&str]) -> bool {
    let fails = name == "exit" && !matches!(arguments.first(), None | Some(&"0"));
    (NOTHING.contains(&name) || NO_COPY.contains(&name)) && !fails
}

/// Takes the redirections of the output out of the words: whether all go to /dev/null, if there are any.
fn strip_output(words: &mut Vec<&str>) -> Option<bool> {
    let mut into_nothing = None;
    let mut kept = Vec::new();
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        let Some(target) = ["1>>", "1>", "&>", ">>", ">"].iter().find_map(|sign| word.strip_prefix(sign))
        else {
            kept.push(word);
            continue;
        };
        let target = if target.is_empty() { rest.next().unwrap_or_default() } else { target };
        into_nothing = Some(into_nothing.unwrap_or(true) && target == "/dev/null");
    }
    *words = kept;
    into_nothing
}

/// The words of a command as a shell takes them apart, `>` being a word of its own; `None` for what only a shell can
/// tell: substitutions, and quotes that do not end.
fn words(part: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = part.chars().peekable();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '$' | '`') => return None,
            (Some('"') | None, '\\') => word.get_or_insert_default().push(letters.next()?),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, '(' | ')' | '{' | '}' | '<' | '*' | '?' | '#') => return None,
            // A figure before it is the stream's number.
            (None, '>') => {
                let stream = word.take_if(|word| matches!(word.as_str(), "1" | "2"));
                words.extend(word.take());
                let mut sign = stream.unwrap_or_default() + ">";
                while let Some(more) = letters.next_if(|c| matches!(c, '>' | '&')) {
                    sign.push(more);
                }
                word = Some(sign);
                if letters.peek().is_some_and(|c| c.is_whitespace())
                    && word.as_deref().is_some_and(|it| it.starts_with('2'))
                {
                    // Its target is the next word, and as little of interest.
                    while letters.next_if(|c| c.is_whitespace()).is_some() {}
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// `%p` is the path, `%f` the name; `%%` is a per cent sign.
fn names_a_file(command: &str) -> bool {
    let plain = command.replace("%%", "");
    plain.contains("%p") || plain.contains("%f")
}

/// A program of the site's own may find the file by itself.
fn runs_a_script(command: &str) -> bool {
    parts(command).iter().any(|part| !succeeds_for_nothing(part.text) && !keeps_nothing(part.text, 0))
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
            // `2>&1` and `&>` are redirections.
            (None, '&') if command.get(..index).is_some_and(|before| before.ends_with('>')) => {}
            (None, '&') if command.get(index + 1..).is_some_and(|after| after.starts_with('>')) => {}
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
            "cp %p /dev/null",
            "cp -n %p /dev/null 2>/dev/null",
            "cat %p > /dev/null",
            "cat %p >/dev/null 2>&1",
            "gzip -c %p > /dev/null",
            "gzip -c %p 1>/dev/null 2> /tmp/log",
            "dd if=%p of=/dev/null bs=1M",
            "cat %p",
            "test 1 = 1",
            "test ! -f /archive/%f",
            "[ -f %p ]",
            "cd .",
            "touch /tmp/%f",
            "rm -f %p",
            "sh -c 'exit 0'",
            "/bin/sh -c true",
            "bash -c \"cp %p /dev/null\"",
            "sh -c 'cp %p /dev/null && true'",
            "test -f %p && touch /tmp/%f",
            "cp %p /archive/%f || logger failed",
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
            "gzip -c %p > /archive/%f.gz 2>/dev/null",
            "gzip %p",
            "cat %p >> /archive/all",
            "cat %p | ssh backup 'cat > /wal/%f'",
            "test ! -f /archive/%f && cp %p /archive/%f > /dev/null",
            "cp %p /archive/%f > /dev/null 2>&1",
            "sh -c 'cp %p /archive/%f'",
            "bash -c \"$(cat /etc/archive) %p\"",
            "bash /opt/archive.sh %p",
            "cp %p $TARGET",
            "cp %p '/dev/null",
            "gpg --encrypt --output /archive/%f %p",
            "tee /archive/%f < %p > /dev/null",
            "tee /archive/%f >/dev/null",
            "aws s3 cp %p s3://wal/%f > /dev/null",
            "sh -c 'exit 1'",
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
