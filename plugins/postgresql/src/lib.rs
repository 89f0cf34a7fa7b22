//! The PostgreSQL plugin: what a running server says of itself, and what its configuration files say.
//!
//! It looks with the eyes of an ordinary role that is a member of `pg_monitor`: one session at a time, in one database
//! after another, read only from its first statement, short queries only. A superuser's session is declined, because a
//! connection carries its role's full power. What the server does not tell is unknown with the SQL that would change it;
//! the files are read through the broker either way, so that a server that is down is still described as far as it can
//! be.
#![deny(unsafe_code)]

mod accept;
mod ahead;
mod backup;
mod catalogue;
mod certificate;
mod clients;
mod conf;
mod databases;
mod discover;
mod effective;
mod files;
mod gather;
mod hba;
mod instance;
mod layouts;
mod limits;
mod objects;
mod process;
mod queries;
mod rights;
mod row;
mod service;
mod session;
mod settings;
mod start;
mod stopped;
mod view;
mod walk;

use goodstead_plugin::{Cause, Fact, Plugin, Proposal, Site, Target};

/// The plugin.
#[derive(Debug, Default)]
pub struct PostgreSql;

impl Plugin for PostgreSql {
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        discover::discover(site)
    }

    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        gather::gather(target, site)
    }
}

goodstead_plugin::export!(PostgreSql);
