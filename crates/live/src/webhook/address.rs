//! Addresses that a webhook may go to: those of the public internet.
//!
//! Decision D-632.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Special ranges of IPv4 with what they are for, by IANA's registry.
const SPECIAL_V4: [(Ipv4Addr, u32, &str); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by the customers of a provider"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks of networks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Special ranges within 2000::/3, the part of IPv6 that is given out, with what they are for.
const SPECIAL_V6: [(Ipv6Addr, u32, &str); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "of 6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// The prefix of IPv6 addresses behind which a provider translates to IPv4, whose address is the last 32 bits.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Returns what a special address is for, such as `private`; `None` for an address of the public internet.
pub(crate) fn special_use(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => special_use_v4(address),
        IpAddr::V6(address) if is_in_v6(address, NAT64.0, NAT64.1) => {
            special_use_v4(Ipv4Addr::from_bits(address.to_bits() as u32))
        }
        IpAddr::V6(address) => special_use_v6(address),
    }
}

fn special_use_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |range: Ipv4Addr, bits: u32| (address.to_bits() ^ range.to_bits()) >> (32 - bits) == 0;
    SPECIAL_V4.iter().find(|(range, bits, _)| is_in(*range, *bits)).map(|(_, _, purpose)| *purpose)
}

fn special_use_v6(address: Ipv6Addr) -> Option<&'static str> {
    let special = SPECIAL_V6.iter().find(|(range, bits, _)| is_in_v6(address, *range, *bits));
    match special {
        Some((_, _, purpose)) => Some(purpose),
        None if address.segments()[0] >> 13 == 1 => None,
        None if address.is_loopback() => Some("loopback"),
        None if address.is_multicast() => Some("multicast"),
        None if address.is_unicast_link_local() => Some("link-local"),
        None if address.is_unique_local() => Some("private"),
        None => Some("reserved"),
    }
}

fn is_in_v6(address: Ipv6Addr, range: Ipv6Addr, bits: u32) -> bool {
    (address.to_bits() ^ range.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_ranges_are_known_to_their_first_and_last_address() {
        let cases = [
            ("0.0.0.0 0.255.255.255", "unspecified"),
            ("10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255", "private"),
            ("100.64.0.0 100.127.255.255", "shared by the customers of a provider"),
            ("127.0.0.0 127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1", "loopback"),
            ("169.254.0.0 169.254.169.254 169.254.255.255 fe80::1 febf::1", "link-local"),
            ("192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff:fff::1", "for documentation"),
            ("198.18.0.0 198.19.255.255", "for benchmarks of networks"),
            ("224.0.0.1 239.255.255.255 ff02::1", "multicast"),
            ("240.0.0.1 255.255.255.255 192.88.99.1 :: ::7f00:1 64:ff9b:1::1 100::1 4000::1", "reserved"),
            ("fc00::1 fdff::1 ::ffff:10.1.2.3 64:ff9b::10.1.2.3", "private"),
            ("192.0.0.8 2001::1 2001:1ff::1", "reserved for protocols"),
            ("2002:7f00:1::1", "of 6to4"),
        ];
        for (addresses, purpose) in cases {
            for address in addresses.split(' ') {
                assert_eq!(special_use(address.parse().unwrap()), Some(purpose), "{address}");
            }
        }
    }

    #[test]
    fn public_addresses_beside_them_are_none() {
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 \
            169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255 \
            198.20.0.0 223.255.255.255 2001:200::1 2606:4700::1111 2a00::1 3ffe::1 3fff:1000::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1";
        for address in public.split_whitespace() {
            assert_eq!(special_use(address.parse().unwrap()), None, "{address}");
        }
    }
}
