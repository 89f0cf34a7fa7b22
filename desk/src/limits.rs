//! What nobody may take more of than their share: memory for reports that are being received, and disk in a day.
//!
//! A share belongs to whoever proved to be a node or a customer; what strangers may take is small and shared by all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::store::DailyLimits;
use crate::{Error, Result};

/// After how many seconds a refused request is worth repeating.
const RETRY: u64 = 5;

/// The limits of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What may be kept in a day.
    pub daily: DailyLimits,
    /// Reports of one node that are received at the same time.
    pub node_requests: usize,
    /// Reports of all nodes of one customer that are received at the same time.
    pub customer_requests: usize,
    /// Bytes of one customer's reports that are held in memory at the same time.
    pub customer_bytes: usize,
    /// Bytes of everybody's reports that are held in memory at the same time.
    pub all_bytes: usize,
    /// Enrolments that are received at the same time.
    pub enrolments: usize,
    /// Enrolments of one address that are received at the same time.
    pub address_enrolments: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        const MIB: usize = 1024 * 1024;
        Limits {
            daily: DailyLimits::default(),
            // An agent sends one report after the other; the second is for one whose connection broke.
            node_requests: 2,
            customer_requests: 64,
            customer_bytes: 64 * MIB,
            all_bytes: 256 * MIB,
            enrolments: 64,
            address_enrolments: 16,
        }
    }
}

/// What is being received right now.
#[derive(Debug)]
pub(crate) struct InFlight {
    limits: Limits,
    loads: Mutex<HashMap<Sender, Load>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Sender {
    Node(String),
    Customer(String),
    Everybody,
    Enrolling,
    Address(Option<IpAddr>),
}

#[derive(Debug, Default, Clone, Copy)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// Room that was taken; given back with the value.
#[derive(Debug)]
pub(crate) struct Room {
    of: Arc<InFlight>,
    senders: Vec<Sender>,
    bytes: usize,
}

impl InFlight {
    pub(crate) fn new(limits: Limits) -> InFlight {
        InFlight { limits, loads: Mutex::default() }
    }

    /// Room for a report of `bytes` from a node of a customer.
    ///
    /// # Errors
    /// [`Error::TooMuch`], with whose limit is reached.
    pub(crate) fn enter(self: &Arc<Self>, node: &str, customer: &str, bytes: usize) -> Result<Room> {
        let limits = &self.limits;
        self.take(
            bytes,
            [
                (Sender::Node(node.to_owned()), limits.node_requests, usize::MAX, "This node"),
                (
                    Sender::Customer(customer.to_owned()),
                    limits.customer_requests,
                    limits.customer_bytes,
                    "This customer",
                ),
                (Sender::Everybody, usize::MAX, limits.all_bytes, "The desk"),
            ],
        )
    }

    /// Room for an enrolment that comes from `address`.
    ///
    /// # Errors
    /// [`Error::TooMuch`] when too many are on their way.
    pub(crate) fn enrol(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Room> {
        let limits = &self.limits;
        self.take(
            0,
            [
                (Sender::Address(address), limits.address_enrolments, usize::MAX, "This address"),
                (Sender::Enrolling, limits.enrolments, usize::MAX, "The desk"),
            ],
        )
    }

    fn take<const N: usize>(
        self: &Arc<Self>,
        bytes: usize,
        shares: [(Sender, usize, usize, &str); N],
    ) -> Result<Room> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        for (sender, requests, most, who) in &shares {
            let load = loads.get(sender).copied().unwrap_or_default();
            if load.requests >= *requests || load.bytes.saturating_add(bytes) > *most {
                let text =
                    format!("{who} has as many requests on their way as it may. Try again in a moment.");
                return Err(Error::TooMuch { text, retry: RETRY });
            }
        }
        let senders: Vec<Sender> = shares.into_iter().map(|(sender, ..)| sender).collect();
        for sender in &senders {
            let load = loads.entry(sender.clone()).or_default();
            load.requests += 1;
            load.bytes += bytes;
        }
        Ok(Room { of: Arc::clone(self), senders, bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut loads = self.of.loads.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in &self.senders {
            let Some(load) = loads.get_mut(sender) else { continue };
            load.requests = load.requests.saturating_sub(1);
            load.bytes = load.bytes.saturating_sub(self.bytes);
            if load.requests == 0 {
                loads.remove(sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_is_bounded_and_given_back() {
        let limits = Limits {
            node_requests: 2,
            customer_requests: 3,
            customer_bytes: 100,
            all_bytes: 150,
            enrolments: 3,
            address_enrolments: 2,
            ..Limits::default()
        };
        let all = Arc::new(InFlight::new(limits));
        let who = |node: &str, customer: &str, bytes: usize| {
            all.enter(node, customer, bytes)
                .map_err(|error| error.public().split(" has").next().unwrap().to_owned())
        };
        let first = who("a", "x", 10).unwrap();
        let second = who("a", "x", 10).unwrap();
        assert_eq!(who("a", "x", 10).unwrap_err(), "This node");
        assert_eq!(who("b", "x", 81).unwrap_err(), "This customer");
        let third = who("b", "x", 80).unwrap();
        assert_eq!(who("c", "x", 0).unwrap_err(), "This customer");
        assert_eq!(who("d", "y", 51).unwrap_err(), "The desk");
        drop(first);
        who("d", "y", 60).unwrap();
        let address = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let enrolments =
            [all.enrol(address(1)), all.enrol(address(1)), all.enrol(address(2))].map(Result::unwrap);
        assert!(all.enrol(address(1)).unwrap_err().public().starts_with("This address"));
        assert!(all.enrol(address(3)).unwrap_err().public().starts_with("The desk"));
        drop((second, third, enrolments));
        assert!(all.loads.lock().unwrap().is_empty(), "nothing is remembered of whoever left");
        all.enrol(address(1)).unwrap();
    }
}
