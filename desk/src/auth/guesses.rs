//! How often somebody may try a name and a password.
//!
//! A try is counted before it is checked and given back when it was right, so that a thousand at the same time are not
//! a thousand free ones. There are two counts, which both fill up again with time:
//!
//! - of an address: whoever guesses from one place soon waits;
//! - of a name: whoever guesses from many places soon waits, too. An address that has not failed lately is let through
//!   all the same, so that guessing elsewhere does not keep the name's owner out.
//!
//! A login that was right since the start is recognised by a keyed hash in memory and is not counted at all: behind a
//! common proxy the owner stays logged in while somebody else guesses.

use std::collections::HashMap;
use std::hash::Hash as Hashable;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// Wrong tries of one address before it has to wait, and how long one takes to come back.
const OF_ADDRESS: Allowance = Allowance { most: 10, each: Duration::from_secs(30) };

/// Wrong tries of one name, from all addresses that failed before.
const OF_NAME: Allowance = Allowance { most: 50, each: Duration::from_secs(10) };

/// How many addresses and how many names are remembered.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Allowance {
    most: u32,
    each: Duration,
}

/// The counts.
#[derive(Debug)]
pub(super) struct Guesses {
    addresses: Counts<Option<IpAddr>>,
    names: Counts<String>,
}

impl Default for Guesses {
    fn default() -> Guesses {
        Guesses { addresses: Counts::new(OF_ADDRESS), names: Counts::new(OF_NAME) }
    }
}

impl Guesses {
    /// Counts a try of `name` from `address` at `now`.
    ///
    /// # Errors
    /// [`Error::TooMuch`] when it has to wait; the password is not to be looked at then.
    pub(super) fn begin(&mut self, address: Option<IpAddr>, name: &str, now: Instant) -> Result<()> {
        let address = address.map(network);
        let wait = match self.addresses.wait(&address, now) {
            None if self.addresses.used(&address, now) > 0 => self.names.wait(&name.to_owned(), now),
            other => other,
        };
        if let Some(wait) = wait {
            let text = "Too many logins failed. Wait a moment and try again.".to_owned();
            return Err(Error::TooMuch { text, retry: wait.as_secs().max(1) });
        }
        self.addresses.add(address, now);
        self.names.add(name.to_owned(), now);
        Ok(())
    }

    /// Gives back a try that was right.
    pub(super) fn right(&mut self, address: Option<IpAddr>, name: &str, now: Instant) {
        self.addresses.give_back(&address.map(network), now);
        self.names.give_back(&name.to_owned(), now);
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// What was used of an allowance, by whom. Time is kept as the moment at which all of it will have come back.
#[derive(Debug)]
struct Counts<K> {
    allowance: Allowance,
    full: HashMap<K, Instant>,
}

impl<K: Hashable + Eq + Clone> Counts<K> {
    fn new(allowance: Allowance) -> Self {
        Counts { allowance, full: HashMap::new() }
    }

    /// How long until everything that was used came back.
    fn debt(&self, key: &K, now: Instant) -> Duration {
        self.full.get(key).map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }

    fn used(&self, key: &K, now: Instant) -> u32 {
        let used = self.debt(key, now).as_secs_f64() / self.allowance.each.as_secs_f64();
        used.ceil() as u32
    }

    /// How long `key` has to wait, if it has to.
    fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let most = self.allowance.each * self.allowance.most;
        (self.debt(key, now) + self.allowance.each).checked_sub(most).filter(|wait| !wait.is_zero())
    }

    fn add(&mut self, key: K, now: Instant) {
        if self.full.len() >= REMEMBERED && !self.full.contains_key(&key) {
            self.full.retain(|_, full| *full > now);
            // All of them guess right now: whoever is nearest to being forgotten makes room.
            if self.full.len() >= REMEMBERED
                && let Some(first) =
                    self.full.iter().min_by_key(|(_, full)| **full).map(|(key, _)| key.clone())
            {
                self.full.remove(&first);
            }
        }
        let full = now + self.debt(&key, now) + self.allowance.each;
        self.full.insert(key, full);
    }

    fn give_back(&mut self, key: &K, now: Instant) {
        let rest = self.debt(key, now).saturating_sub(self.allowance.each);
        if rest.is_zero() {
            self.full.remove(key);
        } else if let Some(full) = self.full.get_mut(key) {
            *full = now + rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.into()))
    }

    #[test]
    fn an_address_that_guesses_waits_and_others_do_not() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..OF_ADDRESS.most {
            guesses.begin(address(1), "ada", now).unwrap();
        }
        let error = guesses.begin(address(1), "ben", now).unwrap_err();
        assert_eq!(error.retry(), Some(OF_ADDRESS.each.as_secs()));
        guesses.begin(address(2), "ada", now).unwrap();
        let later = now + OF_ADDRESS.each;
        guesses.begin(address(1), "ada", later).unwrap();
        guesses.begin(address(1), "ada", later).unwrap_err();
    }

    #[test]
    fn a_name_that_is_guessed_from_everywhere_stays_open_for_an_address_that_did_not_fail() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..OF_NAME.most {
            guesses.begin(address(number), "ada", now).unwrap();
        }
        guesses.begin(address(1), "ada", now).unwrap_err();
        guesses.begin(address(1), "ben", now).unwrap();
        guesses.begin(address(9_999), "ada", now).unwrap();
        guesses.begin(address(9_999), "ada", now).unwrap_err();
        guesses.begin(address(1), "ada", now + OF_NAME.each * 2).unwrap();
    }

    #[test]
    fn what_was_right_is_not_counted() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..1_000 {
            guesses.begin(address(1), "ada", now).unwrap();
            guesses.right(address(1), "ada", now);
        }
        assert!(guesses.addresses.full.is_empty() && guesses.names.full.is_empty());
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..OF_ADDRESS.most {
            let address = format!("2001:db8::{number}").parse().unwrap();
            guesses.begin(Some(address), "ada", now).unwrap();
        }
        guesses.begin(Some("2001:db8::ffff".parse().unwrap()), "ada", now).unwrap_err();
        guesses.begin(Some("2001:db8:0:1::1".parse().unwrap()), "ada", now).unwrap();
    }

    #[test]
    fn however_many_guess_not_more_are_remembered() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..REMEMBERED as u32 + 50 {
            guesses.begin(address(number), &format!("name {number}"), now).unwrap();
        }
        assert_eq!((guesses.addresses.full.len(), guesses.names.full.len()), (REMEMBERED, REMEMBERED));
    }
}
