//! The system call filters: which calls there are at all.
//!
//! A filter is a list of what is allowed; anything else answers "not permitted", and so does the other numbering of the
//! same calls on x86-64 (x32). Calls of another architecture end the process, and so do those that only an attack makes.
//! Filters add up: a call has to pass all of them, and none can be taken back.

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::io;
use std::os::fd::RawFd;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What it means that the kernel has none.
pub(super) const LACKING: &str = "no seccomp filters: the plugin can make any system call that the user it runs as can make, \
     open connections among them";

/// Calls and, for each, the ways in which it is allowed; none for every way.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whether the kernel has filters: one that cannot be read is refused for that reason only if filters are known.
pub(super) fn is_there() -> bool {
    let nothing = std::ptr::null::<libc::sock_fprog>();
    // SAFETY: the kernel checks the pointer, which is what this asks for.
    let outcome = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, nothing) };
    let error = io::Error::last_os_error().raw_os_error();
    outcome == 0 || !matches!(error, Some(libc::ENOSYS | libc::EINVAL))
}

/// What holds from before the library is loaded: a plugin's own calls, and the loader's.
pub(super) fn for_loading(channel: RawFd) -> Result<(), String> {
    let rules = || -> Result<Rules, BackendError> {
        let mut allowed = running(channel)?;
        allowed.extend(loading()?);
        Ok(allowed)
    };
    let every_way = |calls: &[c_long]| calls.iter().map(|call| (*call, Vec::new())).collect();
    // The harshest word counts, whichever filter says it.
    install(every_way(&ATTACKS), SeccompAction::Allow, SeccompAction::KillProcess)?;
    install(every_way(&super::trap::ANSWERED), SeccompAction::Allow, SeccompAction::Trap)?;
    install(rules().map_err(broken)?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

/// What holds from when the library is loaded: a plugin's own calls.
pub(super) fn for_running(channel: RawFd) -> Result<(), String> {
    let rules = running(channel).map_err(broken)?;
    install(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

fn install(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> Result<(), String> {
    let program = || -> Result<BpfProgram, BackendError> {
        let architecture = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, otherwise, matching, architecture)?.try_into()
    };
    let program = program().map_err(broken)?;
    seccompiler::apply_filter(&program).map_err(|error| format!("the system call filter: {error}"))
}

fn broken(error: BackendError) -> String {
    format!("the system call filter: {error}")
}

/// Nobody makes these by mistake.
const ATTACKS: [c_long; 36] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_open_by_handle_at,
    libc::SYS_acct,
];

/// Allowed however they are made: a conversation over the descriptors that are handed in, an event loop, the allocator,
/// a panic and the end. None opens a file, a socket or a process, and no argument of theirs names another process or an
/// object that this one does not hold.
const ALLOWED: [c_long; 26] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_getrandom,
    libc::SYS_sched_yield,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // The kernel's own way to go on with a wait after a stop.
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getsockname,
];

/// The older forms of calls above, which aarch64 never had.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: [c_long; 2] = [libc::SYS_epoll_wait, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: [c_long; 0] = [];

/// What may be said of a socket besides its kind.
const SOCKET_FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

/// What may be asked of a call that sends: any other flag makes it more than that. MSG_FASTOPEN connects a TCP socket to
/// an address, MSG_OOB leaves the stream.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_MORE;

/// What may be asked of a call that receives.
const RECEIVE_FLAGS: i32 =
    libc::MSG_DONTWAIT | libc::MSG_PEEK | libc::MSG_WAITALL | libc::MSG_NOSIGNAL | libc::MSG_CMSG_CLOEXEC;

/// What a descriptor's flags may be set to: none of them has signals sent.
const STATUS_FLAGS: i32 = libc::O_NONBLOCK | libc::O_ACCMODE | libc::O_LARGEFILE;

/// The last clock that everybody has. Numbers beyond it, as the kernel reads them, are clocks of other processes.
const LAST_CLOCK: u64 = libc::CLOCK_BOOTTIME as u64;

/// What an allocator says of its memory. Others concern pages that are shared with other processes.
const ADVICE: [i32; 6] = [
    libc::MADV_DONTNEED,
    libc::MADV_FREE,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    libc::MADV_DONTDUMP,
    libc::MADV_DODUMP,
];

/// Waiting and waking. The operations with priority inheritance take the number of a thread, anybody's.
const FUTEX_OPERATIONS: [i32; 7] = [
    libc::FUTEX_WAIT,
    libc::FUTEX_WAKE,
    libc::FUTEX_REQUEUE,
    libc::FUTEX_CMP_REQUEUE,
    libc::FUTEX_WAKE_OP,
    libc::FUTEX_WAIT_BITSET,
    libc::FUTEX_WAKE_BITSET,
];

const FUTEX_FLAGS: i32 = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;

/// What a loaded plugin may call. Messages with addresses and control data in memory, where no filter sees them, are not
/// sent at all, and received from the agent alone.
fn running(channel: RawFd) -> Result<Rules, BackendError> {
    let mut rules: Rules = ALLOWED.iter().chain(&ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
    let this = u64::from(std::process::id());
    let futex = |operation: &i32| rule(&[is_but_for(1, wide(*operation), FUTEX_FLAGS)]);
    rules.extend([
        // To where the socket is connected, and nowhere else.
        (libc::SYS_sendto, vec![rule(&[is_null(4), has_none_of(3, !SEND_FLAGS)])?]),
        (libc::SYS_recvfrom, vec![rule(&[has_none_of(3, !RECEIVE_FLAGS)])?]),
        (libc::SYS_recvmsg, vec![rule(&[is(0, wide(channel)), has_none_of(2, !RECEIVE_FLAGS)])?]),
        (libc::SYS_clock_gettime, vec![rule(&[is_at_most(0, LAST_CLOCK)])?]),
        (libc::SYS_madvise, one_of(2, &ADVICE.map(wide))?),
        (libc::SYS_futex, FUTEX_OPERATIONS.iter().map(futex).collect::<Result<_, _>>()?),
        // Two ends of nothing, which an event loop wakes itself with. Connected for good, so that neither can be pointed
        // at a path, which the unconnected kinds could.
        (
            libc::SYS_socketpair,
            vec![rule(&[
                is(0, wide(libc::AF_UNIX)),
                is_but_for(1, wide(libc::SOCK_STREAM), SOCKET_FLAGS),
                is(2, 0),
            ])?],
        ),
        (libc::SYS_ioctl, one_of(1, &[libc::FIONBIO, libc::FIONREAD])?),
        (
            libc::SYS_fcntl,
            [
                one_of(1, &[libc::F_GETFL, libc::F_GETFD, libc::F_SETFD, libc::F_DUPFD_CLOEXEC].map(wide))?,
                vec![rule(&[is(1, wide(libc::F_SETFL)), has_none_of(2, !STATUS_FLAGS)])?],
            ]
            .concat(),
        ),
        (libc::SYS_getsockopt, vec![rule(&[is(1, wide(libc::SOL_SOCKET)), is(2, wide(libc::SO_ERROR))])?]),
        (
            libc::SYS_setsockopt,
            vec![
                rule(&[is(1, wide(libc::SOL_SOCKET)), is(2, wide(libc::SO_RCVTIMEO))])?,
                rule(&[is(1, wide(libc::SOL_SOCKET)), is(2, wide(libc::SO_SNDTIMEO))])?,
                rule(&[is(1, wide(libc::IPPROTO_TCP)), is(2, wide(libc::TCP_NODELAY))])?,
            ],
        ),
        (libc::SYS_mmap, vec![rule(&[has_none_of(2, libc::PROT_EXEC)])?]),
        (libc::SYS_mprotect, vec![rule(&[has_none_of(2, libc::PROT_EXEC)])?]),
        // An abort is a signal to oneself.
        (libc::SYS_tgkill, vec![rule(&[is(0, this), is(1, this), is(2, wide(libc::SIGABRT))])?]),
    ]);
    Ok(rules)
}

/// What loading takes besides, in place of what a loaded plugin may. The library itself is opened in `trap.rs`.
fn loading() -> Result<Rules, BackendError> {
    Ok(Rules::from([
        (libc::SYS_fstat, Vec::new()),
        (libc::SYS_pread64, Vec::new()),
        // Code is the library's and nothing else: it is mapped from a file, and there is no other file. The loader never
        // makes code of what it has written, since a library that needs it is refused (`image.rs`).
        (
            libc::SYS_mmap,
            vec![
                rule(&[has_none_of(2, libc::PROT_EXEC)])?,
                rule(&[has_none_of(2, libc::PROT_WRITE), has_none_of(3, libc::MAP_ANONYMOUS)])?,
            ],
        ),
        // For the second filter.
        (libc::SYS_prctl, vec![rule(&[is(0, wide(libc::PR_SET_NO_NEW_PRIVS))])?]),
        (libc::SYS_seccomp, vec![rule(&[is(0, u64::from(libc::SECCOMP_SET_MODE_FILTER)), is(1, 0)])?]),
    ]))
}

/// A condition on one argument, by its number.
struct Condition(u8, SeccompCmpArgLen, SeccompCmpOp, u64);

/// The lower half is `value`: the kernel reads no more of these arguments.
fn is(argument: u8, value: u64) -> Condition {
    Condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// The lower half, read without a sign, is no larger than `value`.
fn is_at_most(argument: u8, value: u64) -> Condition {
    Condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Le, value)
}

fn is_null(argument: u8) -> Condition {
    Condition(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

fn has_none_of(argument: u8, bits: i32) -> Condition {
    Condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(wide(bits)), 0)
}

fn is_but_for(argument: u8, value: u64, bits: i32) -> Condition {
    Condition(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(wide(!bits)), value)
}

/// All conditions together.
fn rule(conditions: &[Condition]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions.iter().map(|Condition(argument, length, operator, value)| {
        SeccompCondition::new(*argument, length.clone(), operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// The argument is any of these values.
fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    values.iter().map(|value| rule(&[is(argument, *value)])).collect()
}

/// A constant of the C headers, as the filter has it.
fn wide(constant: i32) -> u64 {
    u64::from(constant as u32)
}
