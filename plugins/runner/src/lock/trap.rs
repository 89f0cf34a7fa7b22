//! The loader's two questions, answered without the calls that it makes: no filter can tell them from anybody's.
//!
//! The loader opens the library by its path, and asks for its size with `newfstatat(fd, "", AT_EMPTY_PATH)`. A filter
//! sees numbers only and not what a path says; it would have to allow to open and to look at every file. So it sends a
//! signal instead of the call, and the handler does the one harmless thing that was meant: it duplicates the descriptor
//! of the library, or asks for the size of an open file. Any other path is refused. So no plugin opens a file or learns
//! of one, not even in a constructor, and not even without Landlock; and no library can be loaded but the one.
//!
//! The handler runs behind the same filters, so it can do nothing that the plugin could not. A plugin that takes the
//! signal for itself ends when it makes such a call, or is answered by itself.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;

/// The calls that are answered here.
pub(super) const ANSWERED: [c_long; 2] = [libc::SYS_openat, libc::SYS_newfstatat];

/// The path that the loader is going to open, and what is behind it.
static LIBRARY: OnceLock<(CString, RawFd)> = OnceLock::new();

/// Puts the answers in place: `library` is opened as `path`.
pub(super) fn answer_loader(library: RawFd, path: &str) -> Result<(), String> {
    let path = CString::new(path).map_err(|_| "the path of the library holds a null".to_owned())?;
    let _ = LIBRARY.set((path, library));
    // SAFETY: all zero is a valid `sigaction`: an empty mask and no flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_trap as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and calls nothing that a handler may not.
    match unsafe { libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(format!("the answers to the loader: {}", io::Error::last_os_error())),
    }
}

extern "C" fn on_trap(_signal: c_int, _information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO the interrupted context, which is this handler's to change.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let result = Call::of(registers).answer();
    set_result(registers, result);
}

/// A trapped call, as it stands in the registers. Both have the path second.
struct Call {
    number: c_long,
    descriptor: u64,
    path: *const c_char,
    third: u64,
    fourth: u64,
}

impl Call {
    /// A descriptor, zero or a negated error number, like the kernel.
    fn answer(&self) -> i64 {
        let refused = -i64::from(libc::EPERM);
        if self.path.is_null() {
            return refused;
        }
        // SAFETY: who passes a path that is none dies of its own fault.
        let path = unsafe { CStr::from_ptr(self.path) };
        match self.number {
            libc::SYS_openat => match LIBRARY.get() {
                Some((library, descriptor)) if library.as_c_str() == path => {
                    // SAFETY: makes a descriptor, which belongs to whoever called.
                    outcome(unsafe { libc::syscall(libc::SYS_fcntl, *descriptor, libc::F_DUPFD_CLOEXEC, 0) })
                }
                _ => refused,
            },
            libc::SYS_newfstatat if path.is_empty() && self.fourth & libc::AT_EMPTY_PATH as u64 != 0 => {
                // SAFETY: the kernel checks both arguments.
                outcome(unsafe { libc::syscall(libc::SYS_fstat, self.descriptor, self.third) })
            }
            _ => refused,
        }
    }
}

fn outcome(returned: c_long) -> i64 {
    if returned >= 0 {
        return returned;
    }
    -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EPERM))
}

#[cfg(target_arch = "x86_64")]
impl Call {
    fn of(registers: &libc::mcontext_t) -> Self {
        // The order of <sys/ucontext.h>: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax.
        let [_, _, r10, _, _, _, _, _, rdi, rsi, _, _, rdx, rax, ..] = registers.gregs;
        Call {
            number: rax,
            descriptor: rdi as u64,
            path: rsi as *const c_char,
            third: rdx as u64,
            fourth: r10 as u64,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn set_result(registers: &mut libc::mcontext_t, result: i64) {
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, rax, ..] = &mut registers.gregs;
    *rax = result;
}

#[cfg(target_arch = "aarch64")]
impl Call {
    fn of(registers: &libc::mcontext_t) -> Self {
        let [descriptor, path, third, fourth, _, _, _, _, number, ..] = registers.regs;
        Call { number: number as c_long, descriptor, path: path as *const c_char, third, fourth }
    }
}

#[cfg(target_arch = "aarch64")]
fn set_result(registers: &mut libc::mcontext_t, result: i64) {
    let [x0, ..] = &mut registers.regs;
    *x0 = result as u64;
}
