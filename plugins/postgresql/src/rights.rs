//! What a role lacks, and the one command that gives it.

use goodstead_plugin::{Cause, CauseKind};

use crate::session::identifier;

/// Gives the agent's own user all that it needs of a server.
const GRANT: &str = "sudo goodstead grant postgresql --apply";

/// The role of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role<'a> {
    pub(crate) name: &'a str,
    /// Whether `goodstead grant` knows it: it has the name of the system user that connects, and logs in over a socket of
    /// this host without a password.
    pub(crate) own: bool,
}

impl Role<'_> {
    /// What gives this role what it lacks. A role that the admin chose is the admin's to change, by hand.
    pub(crate) fn remedy(self, by_hand: impl FnOnce() -> String) -> String {
        match self {
            Role { own: true, name: "goodstead" } => GRANT.to_owned(),
            // The grant is for the agent's own user, as whom only a scan by root connects.
            Role { own: true, .. } => format!("{GRANT} && sudo goodstead check"),
            Role { own: false, .. } => format!("as the server's owner, in psql: `{}`", by_hand()),
        }
    }

    /// Why a role that is not a member of `pg_monitor` does not see this.
    pub(crate) fn not_monitor(self, detail: &str) -> Cause {
        let by_hand = || format!("GRANT pg_monitor TO {};", identifier(self.name));
        Cause::new(CauseKind::NotPermitted, format!("the role {} {detail}", self.name))
            .remedy(self.remedy(by_hand))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_s_own_role_is_granted_by_one_command_and_another_one_by_hand() {
        let remedy = |name, own| Role { name, own }.not_monitor("does not see it").remedy.unwrap();
        assert_eq!(remedy("goodstead", true), "sudo goodstead grant postgresql --apply");
        assert_eq!(remedy("alice", true), "sudo goodstead grant postgresql --apply && sudo goodstead check");
        assert_eq!(
            remedy("Good stead", false),
            "as the server's owner, in psql: `GRANT pg_monitor TO \"Good stead\";`"
        );
    }
}
