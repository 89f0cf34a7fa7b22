//! How far a rule's address reaches.

use std::net::IpAddr;

/// From where a rule lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The Unix socket.
    Local,
    /// This host over TCP.
    Loopback,
    /// Some other hosts.
    Network,
    /// Every address of a family, or of both.
    Any,
}

impl Scope {
    pub(super) fn word(self) -> &'static str {
        match self {
            Scope::Local => "local",
            Scope::Loopback => "loopback",
            Scope::Network => "network",
            Scope::Any => "any",
        }
    }
}

/// Whether this is an address whose mask stands in the next field.
pub(super) fn needs_mask(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok()
}

/// `address/bits`, `address mask`, a keyword, or a host's name.
pub(super) fn scope(written: &str) -> Scope {
    match written {
        "all" => return Scope::Any,
        "samehost" | "localhost" => return Scope::Loopback,
        _ => {}
    }
    let Some((address, mask)) = written.split_once(['/', ' ']) else { return Scope::Network };
    let Ok(address) = address.parse::<IpAddr>() else { return Scope::Network };
    match bits(mask) {
        Some(0) => Scope::Any,
        // Everything below 127 is loopback, of IPv6 one address.
        Some(bits) if address.is_loopback() && bits >= if address.is_ipv4() { 8 } else { 128 } => {
            Scope::Loopback
        }
        _ => Scope::Network,
    }
}

/// The length of a mask that is written as a length or as an address.
fn bits(mask: &str) -> Option<u32> {
    match mask.parse::<IpAddr>() {
        Ok(IpAddr::V4(mask)) => Some(u32::from(mask).leading_ones()),
        Ok(IpAddr::V6(mask)) => Some(u128::from(mask).leading_ones()),
        Err(_) => mask.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_is_understood() {
        for (address, expected) in [
            ("127.0.0.1/32", Scope::Loopback),
            ("127.0.0.0/8", Scope::Loopback),
            ("127.0.0.1 255.255.255.255", Scope::Loopback),
            ("::1/128", Scope::Loopback),
            ("::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Scope::Loopback),
            ("samehost", Scope::Loopback),
            ("127.0.0.1/0", Scope::Any),
            ("0.0.0.0/0", Scope::Any),
            ("0.0.0.0 0.0.0.0", Scope::Any),
            ("::/0", Scope::Any),
            ("all", Scope::Any),
            ("10.0.0.0/8", Scope::Network),
            ("127.0.0.0/7", Scope::Network),
            ("samenet", Scope::Network),
            ("db.example.test", Scope::Network),
            (".example.test", Scope::Network),
            ("", Scope::Network),
            ("1.2.3/x", Scope::Network),
        ] {
            assert_eq!(scope(address), expected, "{address}");
        }
    }
}
