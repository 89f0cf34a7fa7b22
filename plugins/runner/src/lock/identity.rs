//! Who the runner is: nobody in particular, without groups and capabilities.

use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::step;

/// Becomes `user` and `group` for good if this is root, and gives up every capability in any case. A plugin never runs
/// as root: root that is not told whom to become is an error.
pub(super) fn give_up(user: Option<u32>, group: Option<u32>) -> Result<(), String> {
    step("ambient capabilities", rustix::thread::clear_ambient_capability_set())?;
    empty_bounding_set()?;
    match (user, group) {
        (None, None) => {}
        (Some(user), Some(group)) => become_user(user, group)?,
        _ => return Err("a user without a group, or a group without a user".to_owned()),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    step("capabilities", rustix::thread::set_capabilities(None, none))?;
    if rustix::process::getuid().is_root() || rustix::process::geteuid().is_root() {
        return Err("the runner is root and was not told whom to become".to_owned());
    }
    Ok(())
}

/// Only who may set capabilities can take them out of the bounding set. Nobody else gets any from there: that would
/// take executing a file, with new privileges.
fn empty_bounding_set() -> Result<(), String> {
    let capabilities =
        rustix::thread::capabilities(None).map_err(|errno| format!("capabilities: {errno}"))?;
    if !capabilities.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    // The kernel says which it knows by refusing the first that it does not.
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if rustix::thread::capability_is_in_bounding_set(capability).is_err() {
            break;
        }
        step("the bounding set", rustix::thread::remove_capability_from_bounding_set(capability))?;
    }
    Ok(())
}

fn become_user(user: u32, group: u32) -> Result<(), String> {
    // All ones means "leave it" to the kernel.
    if user == 0 || group == 0 || user == u32::MAX || group == u32::MAX {
        return Err(format!("a plugin does not run as user {user} and group {group}"));
    }
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(group));
    step("groups", rustix::thread::set_thread_groups(&[]))?;
    step(&format!("group {group}"), rustix::thread::set_thread_res_gid(gid, gid, gid))?;
    step(&format!("user {user}"), rustix::thread::set_thread_res_uid(uid, uid, uid))?;
    // There must be no way back.
    if rustix::thread::set_thread_res_uid(None, Uid::ROOT, None).is_ok() {
        return Err("the runner could become root again".to_owned());
    }
    Ok(())
}
