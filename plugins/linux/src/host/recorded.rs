//! A support bundle as the site would answer on the host: what commands printed, in the form of what they were asked of.
//!
//! Nothing is made up: an answer is either in the bundle, in this form or another, or unknown.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_plugin::{
    Answer, Cause, CauseKind, FileEntry, FileKind, FileList, Granted, Outcome, Request, Site, SiteExt, Stat,
    Statfs,
};

use crate::kernel::sysctl::{Running, left_alone};
use crate::kernel::sysctl_line::parse;

const SETTINGS: &str = "/proc/sys/";

/// What `df` counts in.
const BLOCK: u64 = 1024;

/// What stands in the log before the kernel's lines where levels are known; all of a bundle's are of one kind.
const LOG: &str = "kernel-notices";

/// The site of a bundle.
pub(crate) struct Recorded<'s> {
    site: &'s mut dyn Site,
    /// When it was made, in seconds since 1970.
    made: i64,
    /// The kernel settings by key, or why they are unknown.
    settings: Result<BTreeMap<String, String>, Cause>,
}

impl<'s> Recorded<'s> {
    pub(crate) fn new(site: &'s mut dyn Site, made: i64) -> Self {
        let settings = site.run("sysctl").map(|output| settings(&String::from_utf8_lossy(&output)));
        Recorded { site, made, settings }
    }

    /// All settings as files, except for those that are left alone.
    fn files(&self) -> Result<Answer, Cause> {
        let settings = self.settings.as_ref().map_err(Clone::clone)?;
        let (mut files, mut data) = (Vec::new(), Vec::new());
        for (key, value) in settings.iter().filter(|(key, _)| !left_alone(key)) {
            let path = format!("{SETTINGS}{key}");
            files.push(FileEntry { path, size: Outcome::Ok(value.len() as u64) });
            data.extend_from_slice(value.as_bytes());
        }
        // Others may have been refused to whoever collected them.
        let partial = Some(Cause::new(
            CauseKind::NotApplicableHere,
            "the support bundle does not contain this setting",
        ));
        Ok(answer(Granted::ReadMany(FileList { files, partial }), data))
    }

    fn read(&mut self, path: &str) -> Option<String> {
        match path {
            "/proc/2/stat" => {
                // Only where the kernel's own threads are seen is it the host's own kernel.
                let listed = self.text("processes")?;
                let own = listed.lines().any(|line| line.trim_end().ends_with("[kthreadd]"));
                Some(
                    if own {
                        "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"
                    } else {
                        "2 (sh) S 1 2 2 0 -1 4194560 0 0"
                    }
                    .to_owned(),
                )
            }
            "/proc/uptime" => up(&self.text("uptime")?).map(|seconds| format!("{seconds}.00 0.00\n")),
            _ => self.settings.as_ref().ok()?.get(path.strip_prefix(SETTINGS)?).cloned(),
        }
    }

    fn text(&mut self, command: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.site.run(command).ok()?).into_owned())
    }

    /// What only a system with systemd leaves in a bundle.
    fn stat(&mut self, path: &str) -> Option<Stat> {
        let kind = match path {
            "/run/systemd/system" => FileKind::Folder,
            "/usr/lib/systemd/systemd" => FileKind::File,
            _ => return None,
        };
        self.site.run("units").ok()?;
        Some(Stat { kind, size: 0, mode: 0o755, uid: 0, gid: 0, modified: 0 })
    }

    fn space(&mut self, paths: &[String]) -> Result<Answer, Cause> {
        let blocks = self.site.run("space").map(|output| table(&String::from_utf8_lossy(&output)))?;
        let inodes = self.text("inodes").map(|text| table(&text)).unwrap_or_default();
        let missing = |path: &str| {
            Cause::new(
                CauseKind::NotApplicableHere,
                format!("the support bundle does not contain the space of {path}"),
            )
        };
        let outcome = |path: &String| match (blocks.get(path), inodes.get(path)) {
            (Some([size, used, available]), Some([all, _, free])) => Outcome::Ok(Statfs {
                size: size.saturating_mul(BLOCK),
                free: size.saturating_sub(*used).saturating_mul(BLOCK),
                available: available.saturating_mul(BLOCK),
                inodes: *all,
                inodes_free: *free,
            }),
            _ => Outcome::Refused(missing(path)),
        };
        Ok(answer(Granted::Statfs(paths.iter().map(outcome).collect()), Vec::new()))
    }

    /// The kernel's messages with the time of each: those of a bundle have that since boot.
    fn log(&mut self) -> Result<Answer, Cause> {
        let uptime = self.site.read_text("/proc/uptime").ok().or_else(|| self.read("/proc/uptime"));
        let up = uptime.and_then(|text| text.split(['.', ' ']).next()?.parse::<i64>().ok());
        let unknown = || {
            Cause::new(
                CauseKind::NotApplicableHere,
                "the support bundle does not say how long the host was up",
            )
        };
        let boot = self.made.saturating_sub(up.ok_or_else(unknown)?);
        let output = self.site.run("dmesg")?;
        let lines = String::from_utf8_lossy(&output);
        let timed = lines.lines().filter_map(|line| {
            let (since, message) = line.strip_prefix('[')?.split_once("] ")?;
            let since: i64 = since.trim().split('.').next()?.parse().ok()?;
            Some(format!("{}.0 kernel: {message}\n", boot.saturating_add(since)))
        });
        Ok(answer(Granted::Run { code: Some(0) }, timed.collect::<String>().into_bytes()))
    }

    fn clock(&mut self) -> Result<Answer, Cause> {
        let output = self.site.run("clock")?;
        let text = String::from_utf8_lossy(&output);
        let said = text.lines().filter_map(|line| line.trim().split_once(": "));
        let answers =
            said.filter(|(name, _)| matches!(*name, "System clock synchronized" | "NTP synchronized"));
        let line = answers.map(|(_, word)| format!("NTPSynchronized={}\n", word.trim())).next();
        Ok(answer(Granted::Run { code: Some(0) }, line.unwrap_or_default().into_bytes()))
    }
}

impl Site for Recorded<'_> {
    fn ask(&mut self, request: Request) -> Result<Answer, Cause> {
        match &request {
            Request::ReadMany { globs, .. } if globs.iter().eq(Running::GLOBS.iter()) => self.files(),
            Request::Statfs { paths } => self.space(paths),
            Request::Run { command } if command == "clock" => self.clock(),
            Request::Run { command } if command == LOG => self.log(),
            // All lines are among the notices, whose levels a bundle does not show.
            Request::Run { command } if command == "kernel-errors" => {
                Ok(answer(Granted::Run { code: Some(0) }, Vec::new()))
            }
            Request::Read { path } => match self.site.ask(Request::Read { path: path.clone() }) {
                Err(cause) => {
                    self.read(path).map(|text| answer(Granted::Read, text.into_bytes())).ok_or(cause)
                }
                known => known,
            },
            Request::Stat { path } => match self.site.ask(Request::Stat { path: path.clone() }) {
                Err(cause) => {
                    self.stat(path).map(|stat| answer(Granted::Stat(stat), Vec::new())).ok_or(cause)
                }
                known => known,
            },
            _ => self.site.ask(request),
        }
    }
}

fn answer(granted: Granted, data: Vec<u8>) -> Answer {
    Answer { granted, data, descriptor: None }
}

/// The output of `sysctl -a`. Of a key with several lines, as `dev.cdrom.info`, the last one is kept.
fn settings(text: &str) -> BTreeMap<String, String> {
    parse("", text).into_iter().filter_map(|line| Some((line.key, line.value?))).collect()
}

/// The three numbers of each line of `df`, by the folder: all, used and available. A folder that is listed twice is left
/// out: which of both is seen is unknown.
fn table(text: &str) -> BTreeMap<String, [u64; 3]> {
    let (mut known, mut twice) = (BTreeMap::new(), BTreeSet::new());
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace();
        let mut number = || words.next()?.parse::<u64>().ok();
        let _device = number();
        let (Some(all), Some(used), Some(available)) = (number(), number(), number()) else { continue };
        let folder: Vec<&str> = words.skip(1).collect();
        let folder = folder.join(" ");
        if known.insert(folder.clone(), [all, used, available]).is_some() {
            twice.insert(folder);
        }
    }
    known.retain(|folder, _| !twice.contains(folder));
    known
}

/// How long the host was up, in seconds, from a line of `uptime`: `up 10 days,  3:04,` or `up 7 min,`.
fn up(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(" up ")?;
    let mut seconds = 0_i64;
    for part in rest.split(',').map(str::trim) {
        let of = |unit: &str| part.strip_suffix(unit)?.trim().parse::<i64>().ok();
        let counted = [(" days", 86_400), (" day", 86_400), (" min", 60), (" sec", 1)];
        let clock = || {
            let (hours, minutes) = part.split_once(':')?;
            let minutes = minutes.parse::<i64>().ok()?.checked_mul(60)?;
            hours.parse::<i64>().ok()?.checked_mul(3600)?.checked_add(minutes)
        };
        let found = counted.iter().find_map(|(unit, factor)| of(unit)?.checked_mul(*factor)).or_else(clock);
        // What comes next are users and load.
        let Some(found) = found else { break };
        seconds = seconds.checked_add(found)?;
    }
    (seconds > 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::presence;

    #[test]
    fn outputs_stand_for_the_kernel() {
        let mut site = FakeSite::new()
            .command("sysctl", 0, "vm.swappiness = 10\nnet.ipv4.conf.eth0/100.rp_filter = 2\nkernel.hostname = web1\nsysctl: permission denied on key 'x'\n")
            .command("processes", 0, "USER PID COMMAND\nroot 2 0.0 S [kthreadd]\n")
            .command("uptime", 0, " 12:00:00 up 10 days,  3:04,  2 users,  load average: 0.00, 0.01, 0.05\n")
            .command("space", 0, "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/sda1 1000 900 50 95% /\nproc - - - - /proc\n")
            .command("inodes", 0, "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 64 4 60 7% /\n");
        let mut site = Recorded::new(&mut site, 1_800_000_000);
        let running = Running::read(&mut site).unwrap();
        assert_eq!(running.number("vm/swappiness"), Ok(10));
        assert_eq!(running.number("net/ipv4/conf/eth0.100/rp_filter"), Ok(2));
        assert_eq!(running.number("vm/panic").unwrap_err().kind, CauseKind::NotApplicableHere);
        assert_eq!(running.keys().filter(|key| key.contains("hostname")).count(), 0);
        assert_eq!(presence::own_kernel(&mut site, Ok(&[])), Ok(true));
        assert_eq!(presence::uptime_seconds(&mut site), Ok(10 * 86_400 + 3 * 3600 + 4 * 60));
        let space = site.statfs(&["/", "/proc"]).unwrap();
        assert_eq!(space[0].as_ref().unwrap().available, 50 * 1024);
        assert_eq!(space[0].as_ref().unwrap().inodes_free, 60);
        assert_eq!(space[1].as_ref().unwrap_err().kind, CauseKind::NotApplicableHere);
    }

    #[test]
    fn messages_get_the_time_at_which_they_were_logged() {
        let mut site = FakeSite::new().file("/proc/uptime", "100.5 90.0\n").command(
            "dmesg",
            0,
            "[    0.000000] Linux version 6.1.0\n[   40.25] EXT4-fs error (device sda1)\nodd\n",
        );
        let mut site = Recorded::new(&mut site, 1_800_000_000);
        let log = String::from_utf8(site.run(LOG).unwrap()).unwrap();
        assert_eq!(
            log,
            "1799999900.0 kernel: Linux version 6.1.0\n1799999940.0 kernel: EXT4-fs error (device sda1)\n"
        );
    }

    #[test]
    fn the_time_since_boot_is_read_in_every_form() {
        for (text, seconds) in [
            (" 12:00:00 up 7 min,  1 user", Some(420)),
            (" 12:00:00 up 1 day, 13 min,  0 users", Some(86_400 + 780)),
            (" 12:00:00 up 23:59,  0 users", Some(86_340)),
            ("", None),
            (" up 99999999999999999999 days", None),
        ] {
            assert_eq!(up(text), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_never_breaks_it(text in "([0-9]{1,20}|up | days,|:|\\[|\\] |/|\n| |\\PC){0,40}") {
            let _ = (up(&text), table(&text), settings(&text));
            let mut site = FakeSite::new().command("dmesg", 0, &text).command("sysctl", 0, &text).command("space", 0, &text).command("clock", 0, &text).file("/proc/uptime", &text);
            let mut site = Recorded::new(&mut site, i64::MAX);
            let _ = (site.run(LOG), site.run("clock"), site.statfs(&["/"]), Running::read(&mut site));
        }
    }
}
