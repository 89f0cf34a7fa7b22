//! Addresses as /proc writes them, and how far they reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of /proc/net/tcp or tcp6: each group of eight digits is a number in the byte order of this machine.
pub(crate) fn parse_native(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            let address = Ipv6Addr::from(bytes);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

/// Whether strangers on the internet can send to it, by the IANA registries of special-purpose addresses.
pub(crate) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_unspecified()
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                // Shared by the customers of one provider (RFC 6598), and for measuring (RFC 2544).
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            // Only 2000::/3 is given out; 2001:db8::/32 is for documents.
            first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn global(text: &str) -> bool {
        is_global(text.parse().unwrap())
    }

    #[test]
    fn private_shared_and_documentary_addresses_are_not_global() {
        for text in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "0.1.2.3",
            "255.255.255.255",
            "240.0.0.1",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "2001:db8::1",
            "ff02::1",
            "::",
        ] {
            assert!(!global(text), "{text}");
        }
        // The addresses of the root name servers A and L are as public as can be.
        for text in ["198.41.0.4", "199.7.83.42", "2001:500:9f::42", "100.128.0.1", "172.32.0.1"] {
            assert!(global(text), "{text}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let read = |hex: &str| parse_native(hex).map(|address| address.to_string());
        assert_eq!(read("0100007F").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("00000000000000000000000001000000").as_deref(), Some("::1"));
        // A program that listens for both kinds meets IPv4 in this form.
        assert_eq!(read("0000000000000000FFFF0000020200C0").as_deref(), Some("192.0.2.2"));
        for nonsense in ["", "0100007", "0100007G", "é00007F"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in "\\PC{0,40}") {
            let _ = parse_native(&text);
        }
    }
}
