//! Where a path leads, found out without touching anything that the manifest does not ask for.
//!
//! The kernel resolves a path that has no link in it. At a link it stops, and this module follows it step by step: before
//! each step the path that is left, as far as it is known, must be declared. So what lies elsewhere is never looked at, and
//! an answer cannot depend on whether it exists. Magic links of `/proc` (`root`, `cwd`, `fd/0`) are not followed.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use goodstead_protocol::fact::{Cause, CauseKind};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::permit::{Permit, Want};
use super::root::{Folder, Root};

/// How many links are followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// The inode number of the root of every procfs.
const PROC_ROOT: u64 = 1;

/// A place in the root: opened, but not for reading.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) descriptor: OwnedFd,
    /// Its path in the root after all links.
    pub(crate) resolved: String,
}

/// What a path is wanted for, and by whose manifest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) permit: &'a Permit,
    pub(crate) want: Want,
}

impl Scope<'_> {
    fn admits(&self, path: &str) -> bool {
        self.permit.admits(self.want, path)
    }

    /// Whether `path` may be passed through on the way to something declared.
    fn passes(&self, path: &str) -> bool {
        self.admits(path) || self.permit.leads(self.want, path)
    }

    /// Why `path` is not touched.
    pub(crate) fn undeclared(&self, path: &str) -> Cause {
        let verb = self.want.verb();
        Cause::new(CauseKind::NotDeclared, format!("plugin.toml does not ask to {verb} {path}"))
    }

    /// Why a link on the way of `path` is not followed; where it leads is not the plugin's to know.
    pub(crate) fn astray(&self, path: &str) -> Cause {
        let verb = self.want.verb();
        let detail = format!("{path} leads outside of what plugin.toml asks to {verb}");
        Cause::new(CauseKind::NotDeclared, detail)
    }
}

/// A path on its way: what is resolved, and what is left.
struct Way {
    resolved: Vec<String>,
    left: VecDeque<String>,
}

impl Way {
    fn here(&self, next: &str) -> String {
        let mut path = String::new();
        for name in self.resolved.iter().map(String::as_str).chain([next]) {
            path.push('/');
            path.push_str(name);
        }
        path
    }

    /// The whole path as it is now known, each `..` taken as the name before it.
    fn whole(&self, next: &str) -> String {
        let mut names: Vec<&str> = self.resolved.iter().map(String::as_str).collect();
        for name in [next].into_iter().chain(self.left.iter().map(String::as_str)) {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name => names.push(name),
            }
        }
        format!("/{}", names.join("/"))
    }

    fn climbs(&self) -> bool {
        self.left.iter().any(|name| name == "..")
    }
}

impl Root {
    /// Finds `path`, following links inside the root and inside `scope`. `led` becomes where it leads, if that is another
    /// path, also when it is not followed there.
    ///
    /// # Errors
    /// It, or where it leads, is not declared; or the kernel's refusal.
    pub(crate) fn locate(
        &self,
        path: &str,
        scope: Scope<'_>,
        led: &mut Option<String>,
    ) -> Result<Located, Cause> {
        if !is_plain(path) {
            let way = Way { resolved: Vec::new(), left: path.split('/').map(str::to_owned).collect() };
            return self.follow(path, way, scope, led);
        }
        if !scope.admits(path) {
            return Err(scope.undeclared(path));
        }
        match self.open_plain(path, OFlags::empty()) {
            Ok(descriptor) => Ok(Located { descriptor, resolved: path.to_owned() }),
            Err(Errno::LOOP) => {
                let way = Way { resolved: Vec::new(), left: names(path) };
                self.follow(path, way, scope, led)
            }
            Err(errno) => Err(self.explain(errno, path)),
        }
    }

    /// Finds `beneath`, a path that begins with a link in a directory that is open, known to the plugin as `path`.
    pub(crate) fn locate_link(
        &self,
        (folder, beneath): (&Folder, &str),
        path: &str,
        scope: Scope<'_>,
        led: &mut Option<String>,
    ) -> Result<Located, Cause> {
        let way = Way { resolved: names(&folder.resolved).into(), left: names(beneath) };
        self.follow(path, way, scope, led)
    }

    fn follow(
        &self,
        path: &str,
        mut way: Way,
        scope: Scope<'_>,
        led: &mut Option<String>,
    ) -> Result<Located, Cause> {
        let mut links = 0;
        // Whether the rest of the way may hold no link: the kernel can do it at once.
        let mut straight = false;
        // The whole path as it was known when it was last found to be declared: a name that is not a link changes nothing.
        let mut known_whole: Option<String> = None;
        loop {
            let next = match way.left.pop_front() {
                Some(name) if name.is_empty() || name == "." => continue,
                Some(name) if name == ".." => {
                    way.resolved.pop();
                    continue;
                }
                next => next.unwrap_or_default(),
            };
            let here = way.here(&next);
            let refused = || if links == 0 { scope.undeclared(path) } else { scope.astray(path) };
            let whole = match &known_whole {
                Some(whole) => whole,
                None => {
                    let known = &*known_whole.insert(way.whole(&next));
                    if known != path {
                        *led = Some(known.clone());
                    }
                    if !scope.admits(known) {
                        return Err(refused());
                    }
                    known
                }
            };
            if way.climbs() && !scope.passes(&here) {
                return Err(refused());
            }
            if straight && !way.climbs() || next.is_empty() {
                match self.open_plain(whole, OFlags::empty()) {
                    Ok(descriptor) => return Ok(Located { descriptor, resolved: whole.clone() }),
                    Err(Errno::LOOP) if !next.is_empty() => straight = false,
                    Err(errno) => return Err(self.explain(errno, path)),
                }
            }
            let place =
                self.open_plain(&here, OFlags::NOFOLLOW).map_err(|errno| self.explain(errno, path))?;
            let kind = rustix::fs::fstat(&place).map_err(|errno| self.explain(errno, path))?.st_mode;
            if FileType::from_raw_mode(kind) != FileType::Symlink {
                if way.left.is_empty() {
                    return Ok(Located { descriptor: place, resolved: here });
                }
                way.resolved.push(next);
                continue;
            }
            links += 1;
            if links > MAX_LINKS || self.is_magic(&place, &way) {
                return Err(self.explain(Errno::LOOP, path));
            }
            let target = rustix::fs::readlinkat(&place, "", Vec::new());
            let target = target.map_err(|errno| self.explain(errno, path))?;
            // A manifest names no path that is not UTF-8.
            let Ok(target) = target.to_str() else { return Err(scope.astray(path)) };
            if target.starts_with('/') {
                way.resolved.clear();
            }
            for name in target.split('/').rev() {
                way.left.push_front(name.to_owned());
            }
            (straight, known_whole) = (true, None);
        }
    }

    /// Opens a path that has its shortest form and no link in it, as a mere place.
    fn open_plain(&self, path: &str, more: OFlags) -> Result<OwnedFd, Errno> {
        let beneath = path.trim_start_matches('/');
        let beneath = if beneath.is_empty() { "." } else { beneath };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC | more;
        let mut tries = 0;
        loop {
            match rustix::fs::openat2(self.descriptor(), beneath, flags, Mode::empty(), resolve) {
                // The kernel asks to try again when something was renamed meanwhile.
                Err(Errno::AGAIN) if tries < 8 => tries += 1,
                outcome => return outcome,
            }
        }
    }

    /// Whether a link leads where its text only seems to: those of the processes in procfs do. The links in its root
    /// (`self`, `mounts`) are ordinary ones.
    fn is_magic(&self, link: &OwnedFd, way: &Way) -> bool {
        let is_proc = rustix::fs::fstatfs(link).is_ok_and(|stat| stat.f_type == rustix::fs::PROC_SUPER_MAGIC);
        let parent = format!("/{}", way.resolved.join("/"));
        let in_root = || {
            let parent = self.open_plain(&parent, OFlags::empty())?;
            Ok::<_, Errno>(rustix::fs::fstat(&parent)?.st_ino == PROC_ROOT)
        };
        is_proc && !in_root().unwrap_or(false)
    }
}

/// Whether a path has its shortest form, without `.`, `..` and superfluous slashes.
fn is_plain(path: &str) -> bool {
    let mut names = path.split('/');
    names.next() == Some("") && (path == "/" || names.all(|name| !matches!(name, "" | "." | "..")))
}

fn names(path: &str) -> VecDeque<String> {
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
