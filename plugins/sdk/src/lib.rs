//! What a plugin author uses.
//!
//! A plugin implements [`Plugin`] and names its type in [`export!`]; everything it wants to know of the site it asks of
//! the [`Site`] that it is handed. It has no other way: the process that it runs in may open, reach and start nothing.
//!
//! ```
//! use goodstead_plugin::{Cause, Fact, Plugin, Proposal, Site, SiteExt, Target, facts};
//!
//! #[derive(Default)]
//! struct Demo;
//!
//! impl Plugin for Demo {
//!     fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
//!         Ok(match site.read("/etc/demo.conf") {
//!             Ok(_) => vec![Proposal { name: None, title: "Demo".into(), address: None, hints: Default::default() }],
//!             Err(_) => vec![],
//!         })
//!     }
//!
//!     fn gather(&self, _target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
//!         let text = site.read_text("/etc/demo.conf")?;
//!         Ok(facts! { "lines" => text.lines().count() as i64 })
//!     }
//! }
//!
//! goodstead_plugin::export!(Demo);
//! # fn main() {}
//! ```

pub mod abi;
pub mod fake;
pub mod fake_runner;
mod foreseen;
mod site;

pub use foreseen::Foreseen;
pub use goodstead_protocol::contract;
pub use goodstead_protocol::document::Document;
pub use goodstead_protocol::fact::{Cause, CauseKind, Elements, Fact};
pub use goodstead_protocol::intake;
pub use goodstead_protocol::manifest::Manifest;
pub use goodstead_protocol::message::{
    Address, Entry, FileEntry, FileKind, FileList, Granted, Outcome, Part, Proposal, Reply, Request, Stat,
    Statfs, Target,
};
pub use site::{Answer, Connection, File, Files, Site, SiteExt, UnknownOr};

/// What a plugin does: find what it knows on this host, and gather the facts of one of those.
pub trait Plugin: Default {
    /// Which targets are on this host. An empty list means that the product is not there, which is no error.
    ///
    /// # Errors
    /// Why it could not be found out.
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause>;

    /// The facts of one target: a record that fits the contract in `plugin.toml`.
    ///
    /// # Errors
    /// Why nothing at all is known of the target. What is unknown for a reason of its own is better told fact by fact,
    /// as [`Fact::Unknown`].
    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause>;
}

/// A record of facts: `facts! { "port" => 5432, "name" => name }`. Values are anything that becomes a [`Fact`].
#[macro_export]
macro_rules! facts {
    ($($name:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut record = ::std::collections::BTreeMap::<::std::string::String, $crate::Fact>::new();
        $(record.insert(::std::convert::From::from($name), ::std::convert::Into::into($value));)*
        $crate::Fact::from(record)
    }};
}
