//! Under which host names the desk answers.
//!
//! A web page in the reader's browser can let its own name point to 127.0.0.1 (DNS rebinding) and would then read a
//! desk that is open on loopback. It cannot forge the `Host` header, so a desk without logins answers to loopback
//! names only.

use std::net::IpAddr;

/// The names under which the desk answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// `localhost` and loopback addresses, on any port.
    Loopback,
    /// Every name: readers prove who they are, over TLS.
    Any,
}

impl Hosts {
    /// Whether a request for `host`, the `Host` header with or without a port, is answered.
    pub fn allow(self, host: Option<&str>) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Loopback => host.is_some_and(is_loopback),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    // An IPv6 address is in brackets; in all else a colon starts the port.
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8740",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8740",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(Hosts::Loopback.allow(Some(host)), "{host}");
        }
        let foreign =
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "192.0.2.1", "[::2]"];
        for host in foreign {
            assert!(!Hosts::Loopback.allow(Some(host)), "{host}");
            assert!(Hosts::Any.allow(Some(host)), "{host}");
        }
        assert!(!Hosts::Loopback.allow(None));
    }
}
