//! One desk: where it keeps things, who may read its pages, and under which names it answers.

use std::path::Path;
use std::sync::Arc;

use crate::Result;
use crate::auth::{Hosts, Logins};
use crate::limits::{InFlight, Limits};
use crate::store::Store;

/// One desk. Cheap to clone; the clones share the database.
#[derive(Debug, Clone)]
pub struct Desk {
    pub(crate) store: Store,
    pub(crate) logins: Option<Arc<Logins>>,
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    pub(crate) in_flight: Arc<InFlight>,
}

impl Desk {
    /// The desk whose data lies in `database`, a SQLite file that is made when it is missing. Without more, its pages
    /// are open and it answers only under loopback names.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a newer release.
    pub async fn open(database: &Path) -> Result<Desk> {
        let limits = Limits::default();
        Ok(Desk {
            store: Store::open(database).await?,
            logins: None,
            hosts: Hosts::Loopback,
            limits,
            in_flight: Arc::new(InFlight::new(limits)),
        })
    }

    /// The same desk, whose pages need one of `logins`.
    #[must_use]
    pub fn with_logins(self, logins: Logins) -> Desk {
        Desk { logins: Some(Arc::new(logins)), ..self }
    }

    /// The same desk, which answers under `hosts`.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Desk {
        Desk { hosts, ..self }
    }

    /// The same desk with other `limits` than the default.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Desk {
        Desk { limits, in_flight: Arc::new(InFlight::new(limits)), ..self }
    }

    /// Where it keeps things.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
