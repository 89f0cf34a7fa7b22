//! The settings that files promise: every assignment, and which of them decides.
//!
//! The order at boot is that of sysctl.d(5): a file hides those of the same name in lower folders, what is left is
//! sorted by name wherever it lies, the last explicit assignment of a key wins. `sysctl --system` does the same and
//! then reads /etc/sysctl.conf once more (sysctl(8)), so the two can disagree.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, File, FileKind, Site, SiteExt};

use crate::kernel::sysctl::{Running, left_alone};
use crate::kernel::sysctl_line::{Assignment, canonical, parse};
use crate::software::os::Init;

/// From the highest to the lowest.
const FOLDERS: [&str; 5] =
    ["/etc/sysctl.d/", "/run/sysctl.d/", "/usr/local/lib/sysctl.d/", "/usr/lib/sysctl.d/", "/lib/sysctl.d/"];

/// The file that the tool reads last, and systemd does not read.
const SINGLE: &str = "/etc/sysctl.conf";

/// Real files have a few KiB.
const MAX_SIZE: usize = 1 << 20;

/// More assignments than this are not told one by one.
const MAX_ASSIGNMENTS: usize = 5000;

/// A value and its source are at most this long; the kernel takes no longer ones (one page).
const MAX_LENGTH: usize = 4096;

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct SysctlFiles {
    /// Those of the folders in the order in which they are applied at boot.
    boot: Vec<Assignment>,
    /// Those of /etc/sysctl.conf.
    single: Vec<Assignment>,
    single_read_at_boot: bool,
    partial: Option<Cause>,
}

/// A setting as files set it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Persisted {
    /// The value in the form of [`canonical`], or why it is unknown.
    pub(crate) value: Result<String, Cause>,
    /// For people: which line sets it.
    pub(crate) origin: String,
}

impl SysctlFiles {
    /// Where they are.
    pub(crate) fn globs() -> Vec<String> {
        let folders = FOLDERS.iter().map(|folder| format!("{folder}*.conf"));
        folders.chain([SINGLE.to_owned()]).collect()
    }

    /// Reads all of them in one request.
    ///
    /// # Errors
    /// Why nothing is known of them.
    pub(crate) fn read(site: &mut dyn Site) -> Result<SysctlFiles, Cause> {
        let globs = SysctlFiles::globs();
        let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
        let found = site.read_many(&globs, &[])?;
        let mut files = SysctlFiles { partial: found.partial, ..SysctlFiles::default() };
        let (single, in_folders): (Vec<File>, Vec<File>) =
            found.files.into_iter().partition(|file| file.path == SINGLE);
        let single = single.into_iter().next().and_then(|file| files.content(site, file));
        for file in not_hidden(in_folders) {
            let Some((path, text)) = files.content(site, file) else { continue };
            files.single_read_at_boot |= single.as_ref().is_some_and(|(_, known)| *known == text);
            files.boot.extend(parse(&path, &text));
        }
        if let Some((path, text)) = single {
            files.single = parse(&path, &text);
        }
        files.shorten();
        Ok(files)
    }

    /// A file's path and text, or `None` for one that counts as empty or is not known.
    fn content(&mut self, site: &mut dyn Site, file: File) -> Option<(String, String)> {
        match file.content {
            Ok(bytes) if bytes.len() > MAX_SIZE => {
                let detail = format!("{} is larger than any that sets kernel settings", file.path);
                self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
                None
            }
            Ok(bytes) => Some((file.path, String::from_utf8_lossy(&bytes).into_owned())),
            // systemd passes over a link that leads nowhere.
            Err(cause) if cause.kind == CauseKind::Absent => None,
            // A link to /dev/null masks the files of its name and says nothing itself.
            Err(_) if site.stat(&file.path).is_ok_and(|stat| stat.kind == FileKind::Other) => None,
            Err(cause) => {
                self.partial.get_or_insert(cause);
                None
            }
        }
    }

    fn shorten(&mut self) {
        let all = self.boot.len() + self.single.len();
        let short = |line: &Assignment| {
            line.key.len() <= MAX_LENGTH && line.value.as_ref().is_none_or(|value| value.len() <= MAX_LENGTH)
        };
        self.boot.retain(short);
        self.single.retain(short);
        self.boot.truncate(MAX_ASSIGNMENTS);
        self.single.truncate(MAX_ASSIGNMENTS);
        if self.boot.len() + self.single.len() < all {
            let detail = "there are more or longer assignments than are looked at";
            self.partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
        }
    }

    /// Whether /etc/sysctl.conf is read at boot, through a link or as a copy.
    ///
    /// # Errors
    /// Why it cannot be told: a file could not be read.
    pub(crate) fn single_read_at_boot(&self) -> Result<bool, Cause> {
        match &self.partial {
            Some(cause) if !self.single_read_at_boot => Err(cause.clone()),
            _ => Ok(self.single_read_at_boot),
        }
    }

    /// What the files set at the next boot of a system with this `init`, by key, each with its place; patterns are not
    /// expanded, because the settings that they would match are only known to a running kernel.
    pub(crate) fn persisted(&self, init: Init) -> BTreeMap<String, Persisted> {
        let lines = self.boot.iter();
        let deciding = match init {
            Init::Systemd => deciding(lines),
            Init::Other => deciding(lines.chain(&self.single)),
        };
        let known = deciding.into_values().filter(|line| !line.is_glob() && !left_alone(&line.key));
        let persisted = |line: &Assignment| {
            let value = match (&self.partial, &line.value) {
                (_, None) => return None,
                // A file that could not be read may decide instead.
                (Some(cause), _) => Err(cause.clone()),
                (None, Some(value)) => Ok(value.clone()),
            };
            let origin = format!("as written in {}:{}, not running", line.file, line.number);
            Some((line.key.clone(), Persisted { value, origin }))
        };
        known.filter_map(persisted).collect()
    }

    /// The map `sysctl_set_at`: the place of the line that decides each setting at boot. Patterns are not expanded.
    pub(crate) fn places(&self) -> Fact {
        let deciding = deciding(self.boot.iter()).into_iter();
        let items =
            deciding.filter(|(key, line)| line.value.is_some() && !line.is_glob() && !left_alone(key));
        let place = |line: &Assignment| Fact::Text(format!("{}:{}", line.file, line.number));
        let known = |fact: Fact| self.partial.clone().map_or(fact, Fact::from);
        let items = items.map(|(key, line)| (key.to_owned(), known(place(line)))).collect();
        Fact::Map(Elements { items, partial: self.partial.clone().map(Box::new) })
    }

    /// The list `sysctl_files`; `running` tells the running values, or why they are unknown.
    ///
    /// Settings whose running value is left alone are not told: what is secret there is as secret in a file.
    pub(crate) fn facts(&self, running: Result<&Running, &Cause>) -> Fact {
        let at_boot = deciding(self.boot.iter());
        let by_tool = deciding(self.boot.iter().chain(&self.single));
        // A file that could not be read may decide instead.
        let known = |fact: Fact| self.partial.clone().map_or(fact, Fact::from);
        let value_of =
            |winner: Option<&&Assignment>| winner.and_then(|winner| winner.value.as_deref()).map(Fact::from);
        let lines =
            self.boot.iter().chain(&self.single).filter(|line| !left_alone(&line.key)).filter_map(|line| {
                let value = line.value.as_deref()?;
                let key = line.key.as_str();
                let winner = at_boot.get(key).is_some_and(|winner| std::ptr::eq(*winner, line));
                let optional = [
                    ("boot_value", value_of(at_boot.get(key)).map(known)),
                    ("tool_value", value_of(by_tool.get(key)).map(known)),
                    ("running", if line.is_glob() { None } else { running_value(running, key) }),
                ];
                let mut record = BTreeMap::from([
                    ("key", key.into()),
                    ("value", value.into()),
                    ("file", line.file.as_str().into()),
                    ("line", Fact::Int(line.number)),
                    ("glob", line.is_glob().into()),
                    ("may_fail", line.may_fail.into()),
                    ("winner", known(winner.into())),
                ]);
                record.extend(optional.into_iter().filter_map(|(name, fact)| Some((name, fact?))));
                Some(Fact::from(
                    record
                        .into_iter()
                        .map(|(name, fact)| (name.to_owned(), fact))
                        .collect::<BTreeMap<_, _>>(),
                ))
            });
        Fact::List(Elements { items: lines.collect(), partial: self.partial.clone().map(Box::new) })
    }
}

fn running_value(running: Result<&Running, &Cause>, key: &str) -> Option<Fact> {
    match running.map_err(Clone::clone).and_then(|running| running.get(key)) {
        Ok(value) => value.map(|value| canonical(value).into()),
        Err(cause) => Some(cause.into()),
    }
}

/// The files that are not hidden by one of the same name in a higher folder, sorted by name.
fn not_hidden(files: Vec<File>) -> impl Iterator<Item = File> {
    let mut visible: BTreeMap<String, (usize, File)> = BTreeMap::new();
    for file in files {
        let place = FOLDERS
            .iter()
            .enumerate()
            .find_map(|(rank, folder)| Some((rank, file.path.strip_prefix(folder)?)));
        let Some((rank, name)) = place else { continue };
        // A dangling link hides nothing.
        let dangling = file.content.as_ref().is_err_and(|cause| cause.kind == CauseKind::Absent);
        if !dangling && visible.get(name).is_none_or(|(best, _)| rank < *best) {
            visible.insert(name.to_owned(), (rank, file));
        }
    }
    visible.into_values().map(|(_, file)| file)
}

/// The last word on each key. An exclusion (`-key` without a value) takes an earlier assignment back.
fn deciding<'a>(lines: impl Iterator<Item = &'a Assignment>) -> BTreeMap<&'a str, &'a Assignment> {
    lines.map(|line| (line.key.as_str(), line)).collect()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn read(mut site: FakeSite) -> SysctlFiles {
        SysctlFiles::read(&mut site).unwrap()
    }

    /// One line an assignment: key, value, file:line, and which values win.
    fn told(files: &SysctlFiles, running: &Running) -> String {
        let Fact::List(list) = files.facts(Ok(running)) else { panic!("no list") };
        let mut text = String::new();
        for item in list.items {
            let json = item.to_json();
            let of = |name: &str| match &json[name] {
                value if value.is_null() => "-".to_owned(),
                value => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            };
            text += &format!(
                "{} = {} {}:{} {} boot {} tool {} running {}\n",
                of("key"),
                of("value"),
                of("file"),
                of("line"),
                if json["winner"] == true { "wins" } else { "loses" },
                of("boot_value"),
                of("tool_value"),
                of("running"),
            );
        }
        text
    }

    #[test]
    fn a_name_in_a_higher_folder_hides_the_lower_file_and_the_rest_sorts_by_name() {
        let files = read(
            FakeSite::new()
                .file("/usr/lib/sysctl.d/50-default.conf", "vm.swappiness = 1\nkernel.panic = 1\n")
                .file("/etc/sysctl.d/50-default.conf", "vm.swappiness = 2\n")
                .file("/usr/lib/sysctl.d/60-late.conf", "vm.swappiness = 3")
                .file("/run/sysctl.d/10-early.conf", "vm/swappiness = 3"),
        );
        insta::assert_snapshot!(told(&files, &Running::default()), @"
        vm/swappiness = 3 /run/sysctl.d/10-early.conf:1 loses boot 3 tool 3 running -
        vm/swappiness = 2 /etc/sysctl.d/50-default.conf:1 loses boot 3 tool 3 running -
        vm/swappiness = 3 /usr/lib/sysctl.d/60-late.conf:1 wins boot 3 tool 3 running -
        ");
    }

    #[test]
    fn what_holds_after_the_next_boot_depends_on_what_applies_it() {
        let files = read(
            FakeSite::new()
                .file(
                    "/usr/lib/sysctl.d/50-default.conf",
                    "kernel.panic = 1\nnet.ipv4.conf.*.rp_filter = 2\n",
                )
                .file("/etc/sysctl.d/60-own.conf", "kernel.panic = 0x0a\n-vm.swappiness\n")
                .file("/etc/sysctl.conf", "kernel.panic = 30\nfs.suid_dumpable = 0\n"),
        );
        let told = |init| {
            let one =
                |(key, one): (String, Persisted)| format!("{key} = {} {}", one.value.unwrap(), one.origin);
            files.persisted(init).into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            told(Init::Systemd),
            ["kernel/panic = 10 as written in /etc/sysctl.d/60-own.conf:1, not running"]
        );
        assert_eq!(
            told(Init::Other),
            [
                "fs/suid_dumpable = 0 as written in /etc/sysctl.conf:2, not running",
                "kernel/panic = 30 as written in /etc/sysctl.conf:1, not running",
            ]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_may_decide_every_value() {
        let files = read(FakeSite::new().file("/etc/sysctl.d/a.conf", "kernel.panic = 1\n").refused_file(
            "/etc/sysctl.d/b.conf",
            CauseKind::NotPermitted,
            "no",
        ));
        let value = files.persisted(Init::Systemd).remove("kernel/panic").unwrap().value;
        assert_eq!(value.unwrap_err().kind, CauseKind::NotPermitted);
    }

    #[test]
    fn the_linked_sysctl_conf_loses_to_a_later_name_at_boot_and_wins_with_the_tool() {
        let files = read(
            FakeSite::new()
                .file("/etc/sysctl.conf", "vm.swappiness = 11\n")
                .file("/etc/sysctl.d/99-sysctl.conf", "vm.swappiness = 11\n")
                .file("/etc/sysctl.d/zz-local.conf", "vm.swappiness = 22\n"),
        );
        assert_eq!(files.single_read_at_boot(), Ok(true));
        let places = files.places().to_json().to_string();
        assert_eq!(places, r#"{"vm/swappiness":"/etc/sysctl.d/zz-local.conf:1"}"#);
        insta::assert_snapshot!(told(&files, &Running::default()), @"
        vm/swappiness = 11 /etc/sysctl.d/99-sysctl.conf:1 loses boot 22 tool 11 running -
        vm/swappiness = 22 /etc/sysctl.d/zz-local.conf:1 wins boot 22 tool 11 running -
        vm/swappiness = 11 /etc/sysctl.conf:1 loses boot 22 tool 11 running -
        ");
    }

    #[test]
    fn a_sysctl_conf_that_nothing_links_to_sets_nothing_at_boot() {
        let files = read(FakeSite::new().file("/etc/sysctl.conf", "vm.swappiness = 11\n"));
        assert_eq!(files.single_read_at_boot(), Ok(false));
        insta::assert_snapshot!(told(&files, &Running::default()), @"vm/swappiness = 11 /etc/sysctl.conf:1 loses boot - tool 11 running -");
    }

    #[test]
    fn an_exclusion_takes_an_earlier_assignment_back() {
        let files = read(
            FakeSite::new().file("/etc/sysctl.d/10.conf", "kernel.panic = 1\n-kernel.sysrq = 0\n").file(
                "/etc/sysctl.d/20.conf",
                "-kernel.panic\nnet.ipv4.conf.*.rp_filter = 2\nnet.ipv4.tcp_fastopen_key = 1\n",
            ),
        );
        assert_eq!(files.places().to_json().to_string(), r#"{"kernel/sysrq":"/etc/sysctl.d/10.conf:2"}"#);
        insta::assert_snapshot!(told(&files, &Running::default()), @r#"
        kernel/panic = 1 /etc/sysctl.d/10.conf:1 loses boot - tool - running -
        kernel/sysrq = 0 /etc/sysctl.d/10.conf:2 wins boot 0 tool 0 running -
        net/ipv4/conf/*/rp_filter = 2 /etc/sysctl.d/20.conf:2 wins boot 2 tool 2 running -
        "#);
    }

    #[test]
    fn a_link_to_dev_null_masks_and_a_dangling_link_does_not() {
        let device = Stat { kind: FileKind::Other, size: 0, mode: 0o666, uid: 0, gid: 0, modified: 0 };
        let files = read(
            FakeSite::new()
                .file("/usr/lib/sysctl.d/a.conf", "kernel.panic = 1")
                .refused_file("/etc/sysctl.d/a.conf", CauseKind::NotAvailable, "not a regular file")
                .stat_of("/etc/sysctl.d/a.conf", device)
                .file("/usr/lib/sysctl.d/b.conf", "kernel.panic = 2")
                .refused_file("/etc/sysctl.d/b.conf", CauseKind::Absent, "the link leads nowhere"),
        );
        insta::assert_snapshot!(told(&files, &Running::default()), @"kernel/panic = 2 /usr/lib/sysctl.d/b.conf:1 wins boot 2 tool 2 running -");
    }

    #[test]
    fn a_file_that_cannot_be_read_leaves_open_who_wins() {
        let files = read(FakeSite::new().file("/etc/sysctl.d/a.conf", "kernel.panic = 1").refused_file(
            "/etc/sysctl.d/b.conf",
            CauseKind::NotPermitted,
            "only root may read it",
        ));
        let Fact::List(list) = files.facts(Ok(&Running::default())) else { panic!("no list") };
        assert_eq!(list.partial.unwrap().kind, CauseKind::NotPermitted);
        let json = list.items[0].to_json();
        for open in ["winner", "boot_value", "tool_value"] {
            assert_eq!(json[open]["$unknown"]["kind"], "not-permitted", "{open}");
        }
        assert!(files.single_read_at_boot().is_err());
        let Fact::Map(places) = files.places() else { panic!("no map") };
        assert!(matches!(places.items.get("kernel/panic"), Some(Fact::Unknown(_))));
    }

    #[test]
    fn the_running_value_stands_beside_the_promised_one_in_the_same_form() {
        let mut site = FakeSite::new()
            .file("/proc/sys/kernel/sysrq", "438\n")
            .file("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
            .file(
                "/etc/sysctl.d/a.conf",
                "kernel.sysrq = 0x1b6\nnet.ipv4.tcp_rmem = 4096  131072 6291456\nnet.bridge.x = 1\n\
                 net.ipv4.tcp_fastopen_key = 1-2-3-4\nnet.ipv4.conf.*.rp_filter = 2\n",
            );
        let running = Running::read(&mut site).unwrap();
        insta::assert_snapshot!(told(&SysctlFiles::read(&mut site).unwrap(), &running), @"
        kernel/sysrq = 438 /etc/sysctl.d/a.conf:1 wins boot 438 tool 438 running 438
        net/ipv4/tcp_rmem = 4096 131072 6291456 /etc/sysctl.d/a.conf:2 wins boot 4096 131072 6291456 tool 4096 131072 6291456 running 4096 131072 6291456
        net/bridge/x = 1 /etc/sysctl.d/a.conf:3 wins boot 1 tool 1 running -
        net/ipv4/conf/*/rp_filter = 2 /etc/sysctl.d/a.conf:5 wins boot 2 tool 2 running -
        ");
    }

    #[test]
    fn a_flood_is_cut_and_said() {
        let flood = "a.b = 1\n".repeat(MAX_ASSIGNMENTS + 1);
        let long = format!("a.b = {}\n", "x".repeat(MAX_LENGTH + 1));
        let large = "\n".repeat(MAX_SIZE + 1);
        for content in [flood, long, large] {
            let files = read(FakeSite::new().file("/etc/sysctl.d/a.conf", content));
            assert!(files.boot.len() <= MAX_ASSIGNMENTS);
            assert_eq!(files.partial.unwrap().kind, CauseKind::TooLarge);
        }
    }
}
