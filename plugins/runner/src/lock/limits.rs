//! How much of the machine one plugin may use.

use goodstead_protocol::message::Confinement;
use rustix::process::{Resource, Rlimit};

use super::step;

/// Descriptors: the runner's own few, one connection, and what a client's event loop takes.
const MAX_DESCRIPTORS: u64 = 64;

/// Sets the limits, and those that the system has set lower stay.
pub(super) fn set(confinement: &Confinement) -> Result<(), String> {
    limit("address space", Resource::As, confinement.memory_bytes, confinement.memory_bytes)?;
    // A second after the signal that can be caught comes the one that cannot.
    let seconds = confinement.cpu_seconds;
    limit("processor time", Resource::Cpu, seconds, seconds.saturating_add(1))?;
    limit("open descriptors", Resource::Nofile, MAX_DESCRIPTORS, MAX_DESCRIPTORS)?;
    for (name, resource) in [
        ("processes", Resource::Nproc),
        ("size of files", Resource::Fsize),
        ("size of a core", Resource::Core),
        ("locked memory", Resource::Memlock),
        ("message queues", Resource::Msgqueue),
        ("niceness", Resource::Nice),
        ("real-time priority", Resource::Rtprio),
    ] {
        limit(name, resource, 0, 0)?;
    }
    Ok(())
}

/// Has the kernel end this process first when memory runs out: a scan can do without a plugin, and the machine without a
/// scan. Where it cannot be said, the limit of the address space holds alone.
pub(super) fn prefer_when_memory_is_short() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn limit(name: &str, resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let new = Rlimit { current: Some(soft.min(ceiling)), maximum: Some(hard.min(ceiling)) };
    step(name, rustix::process::setrlimit(resource, new))
}
