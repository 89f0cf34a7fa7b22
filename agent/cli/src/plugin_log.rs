//! What a plugin writes to its standard output and standard error, for its author and for an admin who asks for it.
//!
//! It is collected while the plugin runs, so that a plugin never waits for it, and it is bounded in bytes and in lines.
//! It is printable, and it holds no credential that the agent gave to the plugin. It is part of no report and is never
//! sent: only `goodstead plugins test` and `goodstead check --plugin-log FILE` show it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use goodstead_page::plain;

use crate::credential::Credentials;

/// How many bytes of the beginning are kept.
const HEAD: usize = 32 << 10;

/// How many bytes of the end are kept: a plugin that fails says why in its last lines.
const TAIL: usize = 32 << 10;

/// How many bytes are read at all. Afterwards each write of the plugin fails, so that it cannot keep the agent busy.
const MAX_WRITTEN: u64 = 16 << 20;

/// How many lines of the beginning, and how many of the end, are kept.
const LINES: usize = 500;

/// How many characters of a line are kept.
const MAX_LINE: usize = 1000;

/// What takes the place of a line with a credential.
const DROPPED: &str = "[a line with the target's password was dropped]";

/// How long to wait for the end of the output once the plugin is gone. Only a runner that the agent may not end takes it.
const PATIENCE: Duration = Duration::from_millis(500);

/// The log of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PluginLog {
    /// The lines of the beginning.
    first: Vec<String>,
    /// How many bytes are left out between the two.
    left_out: u64,
    /// The lines of the end.
    last: Vec<String>,
    /// Whether it wrote so much that the agent stopped reading.
    cut_off: bool,
}

impl PluginLog {
    /// Its lines, with a line in brackets of the agent's own where something is left out.
    pub(crate) fn lines(&self) -> Vec<Cow<'_, str>> {
        let mut lines: Vec<_> = self.first.iter().map(|line| Cow::Borrowed(line.as_str())).collect();
        if self.cut_off {
            let why = format!(
                "[it wrote more than {} MiB: the rest was not read, and its writes failed]",
                MAX_WRITTEN >> 20
            );
            lines.push(Cow::Owned(why));
        }
        if self.left_out > 0 {
            lines.push(Cow::Owned(format!("[{} bytes are left out]", self.left_out)));
        }
        lines.extend(self.last.iter().map(|line| Cow::Borrowed(line.as_str())));
        lines
    }

    /// Makes the log of what was written.
    fn of(written: Written, credentials: &Credentials) -> Self {
        if written.total == 0 {
            return PluginLog::default();
        }
        let (head, tail) = written.whole_lines();
        let kept = (head.len() + tail.len()) as u64;
        let mut log = PluginLog {
            left_out: written.total - kept,
            cut_off: written.total > MAX_WRITTEN,
            first: lines(&head, credentials),
            last: lines(&tail, credentials),
        };
        if log.left_out == 0 && log.first.len() > 2 * LINES {
            let end = log.first.len() - LINES;
            log.last = log.first.split_off(end);
        }
        // What goes beyond the lines is counted in bytes as well.
        let mut too_many: Vec<String> = Vec::new();
        if !log.last.is_empty() && log.first.len() > LINES {
            too_many.extend(log.first.split_off(LINES));
        }
        if log.last.len() > LINES {
            let from = log.last.len() - LINES;
            let end = log.last.split_off(from);
            too_many.append(&mut std::mem::replace(&mut log.last, end));
        }
        log.left_out += too_many.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
        log
    }
}

/// The logs of several plugins as lines, each with the plugin's name before it.
pub(crate) fn text(logs: &BTreeMap<String, PluginLog>) -> String {
    let line = |plugin: &str, line: &str| format!("{plugin}: {line}\n");
    let of = |(plugin, log): (&String, &PluginLog)| -> String {
        log.lines().iter().map(|found| line(plugin, found)).collect()
    };
    logs.iter().map(of).collect()
}

/// The bytes that were written, as far as they are kept.
#[derive(Debug, Default)]
struct Written {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Written {
    fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
    }

    /// Beginning and end. Where something is left out between them, both are cut at the end of a line: half a line could
    /// hold half a credential, which is not recognised.
    fn whole_lines(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut head, mut tail) = (self.head.clone(), Vec::from(self.tail.clone()));
        if self.total == (head.len() + tail.len()) as u64 {
            head.append(&mut tail);
        } else {
            let end = head.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            head.truncate(end);
            let start = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |at| at + 1);
            tail.drain(..start);
            if self.total > MAX_WRITTEN {
                let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                tail.truncate(end);
            }
        }
        (head, tail)
    }
}

/// The lines of a text, printable and without what is secret.
fn lines(bytes: &[u8], credentials: &Credentials) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let unfinished = if text.ends_with('\n') { None } else { text.lines().next_back() };
    let mut lines: Vec<_> = text.lines().map(|line| shown(line, credentials)).collect();
    if unfinished.is_some_and(|line| credentials.begin_at_end_of(line))
        && let Some(last) = lines.last_mut()
    {
        DROPPED.clone_into(last);
    }
    lines
}

fn shown(line: &str, credentials: &Credentials) -> String {
    if credentials.are_in(line) {
        return DROPPED.to_owned();
    }
    let line = plain(line.trim_end_matches('\r'));
    let mut letters = line.chars();
    let mut kept: String = letters.by_ref().take(MAX_LINE).collect();
    if letters.next().is_some() {
        kept.push_str(" […]");
    }
    kept
}

/// Reads the output of a plugin until its end, beside everything else.
#[derive(Debug)]
pub(crate) struct Collector {
    written: Arc<Mutex<Written>>,
    ended: Receiver<()>,
}

impl Collector {
    /// Begins to read what is written to the pipe that is returned.
    ///
    /// # Errors
    /// The system has no pipe or no thread left.
    pub(crate) fn begin() -> io::Result<(Collector, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let written = Arc::new(Mutex::new(Written::default()));
        let (end, ended) = channel();
        let into = Arc::clone(&written);
        thread::Builder::new().stack_size(128 << 10).spawn(move || {
            read(reader, &into);
            // Nobody may be waiting any more.
            let _ = end.send(());
        })?;
        Ok((Collector { written, ended }, writer))
    }

    /// The log, once the plugin is gone; `credentials` are those that it was given.
    pub(crate) fn finish(self, credentials: &Credentials) -> PluginLog {
        let _ = self.ended.recv_timeout(PATIENCE);
        let written = std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner));
        PluginLog::of(written, credentials)
    }
}

/// Reads to the end, or until it is too much: then the pipe is closed, and writing to it fails.
fn read(mut pipe: PipeReader, into: &Mutex<Written>) {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let mut written = into.lock().unwrap_or_else(PoisonError::into_inner);
        written.add(buffer.get(..read).unwrap_or_default());
        if written.total > MAX_WRITTEN {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The log of a text that was written in pieces of this many bytes.
    fn log(text: &[u8], piece: usize, credentials: &[&str]) -> PluginLog {
        let mut written = Written::default();
        text.chunks(piece).for_each(|piece| written.add(piece));
        assert!(written.head.len() <= HEAD && written.tail.len() <= TAIL);
        PluginLog::of(written, &Credentials::new(credentials.iter().copied()))
    }

    #[test]
    fn what_is_written_becomes_printable_lines() {
        let found = log(b"one\r\n\x1b[2Jtwo\xff\n\nrest", 3, &[]);
        assert_eq!(found.lines(), ["one", "\\u{1b}[2Jtwo\u{fffd}", "", "rest"]);
        assert!(log(b"", 1, &[]).lines().is_empty());
    }

    #[test]
    fn of_much_the_beginning_and_the_end_are_kept_and_the_rest_is_counted() {
        let text: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
        let found = log(text.as_bytes(), 4096, &[]);
        let lines = found.lines();
        assert_eq!((lines[0].as_ref(), lines[lines.len() - 1].as_ref()), ("line 0", "line 99999"));
        assert_eq!(lines.len(), 2 * LINES + 1);
        let kept: usize = lines.iter().filter(|line| !line.starts_with('[')).map(|line| line.len() + 1).sum();
        assert_eq!(found.left_out, (text.len() - kept) as u64);
        assert_eq!(lines[LINES], format!("[{} bytes are left out]", found.left_out));
        // Few enough bytes, too many lines.
        let found = log("x\n".repeat(20_000).as_bytes(), 4096, &[]);
        assert_eq!((found.lines().len(), found.left_out), (2 * LINES + 1, 2 * (20_000 - 1000)));
        // One line longer than everything that is kept.
        let found = log(&b"y".repeat(HEAD + TAIL + 1), 4096, &[]);
        assert_eq!(found.lines(), [format!("[{} bytes are left out]", HEAD + TAIL + 1)]);
        assert!(log(&b"y".repeat(MAX_LINE + 1), 64, &[]).lines()[0].ends_with("y […]"));
    }

    #[test]
    fn no_part_of_a_credential_is_in_it_wherever_it_is_cut() {
        let secret = "pa\"ss w0rd/ü";
        for at in (HEAD - 40..HEAD + 20).chain(HEAD + TAIL - 40..HEAD + TAIL + 20) {
            let mut text = "x".repeat(60).into_bytes();
            text.push(b'\n');
            while text.len() + 61 < at {
                text.extend_from_within(..61);
            }
            text.resize(at, b'z');
            text.extend(format!("{secret}\n").bytes());
            text.extend("t\n".repeat(TAIL).bytes());
            let shown = log(&text, 1000, &[secret]).lines().join("\n");
            for part in ["pa\"s", "w0rd", "rd/ü"] {
                assert!(!shown.contains(part), "{part}, written at {at}");
            }
        }
    }

    #[test]
    fn a_line_with_a_credential_is_dropped_whole_or_begun() {
        let secret = "pa\"ss\\ w0rd/ü";
        let quoted = serde_json::to_string(secret).unwrap();
        let text = format!("one\nit is {secret}\n{secret:?}\njson {quoted}\ntwo\n");
        assert_eq!(log(text.as_bytes(), 7, &[secret]).lines(), ["one", DROPPED, DROPPED, DROPPED, "two"]);
        // Ended in the middle of one.
        for begun in ["correct hor", "cor", "correct%20ho"] {
            let found = log(format!("one\nit is {begun}").as_bytes(), 7, &["correct horse"]);
            assert_eq!(found.lines(), ["one", DROPPED], "{begun}");
            let found = log(format!("one\nit is {begun}\n").as_bytes(), 7, &["correct horse"]);
            assert_eq!(
                found.lines(),
                ["one".to_owned(), format!("it is {begun}")],
                "a whole line is what it is"
            );
        }
    }

    #[test]
    fn a_flood_is_read_to_a_limit_and_then_fails() {
        let (collector, mut writer) = Collector::begin().unwrap();
        let mut written = 0;
        while writer.write_all(&[b'a'; 65_535]).and_then(|()| writer.write_all(b"\n")).is_ok() {
            written += 65_536;
            assert!(written < 4 * MAX_WRITTEN, "nobody stops it");
        }
        let lines = collector.finish(&Credentials::default());
        assert!(lines.lines()[0].contains("more than 16 MiB"), "{:?}", lines.lines());
    }
}
