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

/// Whether the server refuses an address with this mask; a name of a host has none.
///
/// # Errors
/// Why.
pub(super) fn refused(address: &str, mask: Option<&str>) -> Result<(), String> {
    let Some(mask) = mask else {
        let Some((address, length)) = address.split_once('/') else { return Ok(()) };
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            // Short and odd ways to write an address are the C library's to understand.
            Err(_) if address.contains(':') || !address.contains(|c: char| c.is_ascii_alphabetic()) => {
                return Ok(());
            }
            Err(_) => return Err("the name of a host has no mask".to_owned()),
        };
        return match length.parse::<u32>() {
            Ok(length) if length <= most => Ok(()),
            _ => Err(format!("the length of the mask is 0 to {most}")),
        };
    };
    match (address.parse(), mask.parse()) {
        (Ok(IpAddr::V4(_)), Ok(IpAddr::V4(_))) | (Ok(IpAddr::V6(_)), Ok(IpAddr::V6(_))) => Ok(()),
        (_, Ok(_)) => Err("address and mask are of different families".to_owned()),
        _ => Err("the address has no mask: write it with /32 or another length".to_owned()),
    }
}

/// Whether every address that `inner` means is one that `outer` means, as far as numbers and `all` show.
pub(super) fn contains(outer: &str, inner: &str) -> bool {
    if outer == "all" {
        return true;
    }
    match (network(outer), network(inner)) {
        (Some((family, outer, length)), Some((of, inner, longer))) if family == of && length <= longer => {
            let width: u32 = if family { 32 } else { 128 };
            // Shifting by the whole width is no operation.
            outer.checked_shr(width - length) == inner.checked_shr(width - length) || length == 0
        }
        _ => false,
    }
}

/// Whether it is IPv4, the number, and the length of the mask.
fn network(written: &str) -> Option<(bool, u128, u32)> {
    let (address, mask) = written.split_once(['/', ' '])?;
    let length = bits(mask)?;
    match address.parse().ok()? {
        IpAddr::V4(address) if length <= 32 => Some((true, u128::from(u32::from(address)), length)),
        IpAddr::V6(address) if length <= 128 => Some((false, u128::from(address), length)),
        _ => None,
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
    fn a_network_holds_its_parts() {
        for (outer, inner, expected) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0 255.0.0.0", "10.1.2.3/32", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("0.0.0.0/0", "10.0.0.0/8", true),
            ("0.0.0.0/0", "::1/128", false),
            ("::/0", "fe80::/10", true),
            ("all", "fe80::/10", true),
            ("all", "db.example.test", true),
            ("samenet", "10.0.0.0/8", false),
            ("10.0.0.0/8", "all", false),
        ] {
            assert_eq!(contains(outer, inner), expected, "{outer} {inner}");
        }
    }

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
