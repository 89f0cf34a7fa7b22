//! What bad input may cost at most, whatever it holds: no end in an error, little memory, little time, and nothing that a
//! terminal would act on.

use std::process::Command;
use std::time::Duration;

use goodstead_protocol::visible::acts;
use serde_json::Value as Json;

use crate::peak::{Costs, measure};
use crate::tree::{Run, verdict};

/// More is a blow-up: on a good host the agent and a runner take about 60 MiB in a debug build, and one request may bring
/// 16 MiB, of which each side holds copies for a moment.
const MUCH_KIB: u64 = 512 << 10;

/// Longer is a hang; a good host takes well under a second.
const LONG: Duration = Duration::from_secs(20);

/// Runs `command` as in a terminal with colours, and proves what was said above; `text` where the output is for people.
pub fn endured(mut command: Command, text: bool) -> Run {
    // Without a terminal escape sequences are taken out on the way; a terminal would get them all.
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
    let Costs { run, peak_kib, time } = measure(command);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    assert!(time < LONG, "{time:?}");
    assert!(peak_kib < MUCH_KIB, "{peak_kib} KiB");
    if text {
        assert_plain(&run.stdout);
        assert_plain(&run.stderr);
    }
    run
}

/// Nothing that a terminal acts on, and nothing that cannot be seen, is in `output` but the styles of the agent itself.
///
/// # Panics
/// When there is.
pub fn assert_plain(output: &str) {
    let mut own = output.to_owned();
    for style in ["0", "1", "2", "4", "31", "32", "33", "36", "91", "92", "93", "94", "96"] {
        own = own.replace(&format!("\u{1b}[{style}m"), "");
    }
    let raw = own.char_indices().find(|(_, c)| acts(*c) && !matches!(c, '\n' | '\t'));
    let around =
        raw.map(|(at, _)| own.get(at.saturating_sub(60)..).unwrap_or(&own).escape_debug().to_string());
    assert_eq!(raw, None, "a terminal would act on this: {around:?}");
}

/// What a check came to: its verdict, or for an unknown one the kind of its cause.
pub fn outcome(report: &Json, id: &str) -> String {
    let judgement = verdict(report, id, "linux");
    let word =
        if judgement["verdict"] == "unknown" { &judgement["cause"]["kind"] } else { &judgement["verdict"] };
    word.as_str().unwrap_or_default().to_owned()
}
