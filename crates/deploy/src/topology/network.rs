//! Networks in CIDR notation, and whether two of them overlap.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network such as `10.42.0.0/16` or `fd00:42::/48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address belongs to both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let prefix = self.prefix.min(other.prefix);
        match (self.address, other.address) {
            (IpAddr::V4(one), IpAddr::V4(two)) => {
                shortened(one.to_bits().into(), 32, prefix) == shortened(two.to_bits().into(), 32, prefix)
            }
            (IpAddr::V6(one), IpAddr::V6(two)) => shortened(one.to_bits(), 128, prefix) == shortened(two.to_bits(), 128, prefix),
            _ => false,
        }
    }

    /// Whether all of `other` is inside.
    pub fn holds(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.overlaps(other)
    }
}

/// The first `prefix` of `width` bits.
fn shortened(bits: u128, width: u8, prefix: u8) -> u128 {
    bits.checked_shr(u32::from(width - prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no network: {why}");
        let (address, prefix) = text.split_once('/').ok_or_else(|| wrong("write it as 10.42.0.0/16"))?;
        let address: IpAddr = address.parse().map_err(|_| wrong("what stands before the slash is no address"))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= width)
            .ok_or_else(|| wrong(if width == 32 { "the prefix is 0 to 32" } else { "the prefix is 0 to 128" }))?;
        let bits = match address {
            IpAddr::V4(four) => u128::from(four.to_bits()) << 96,
            IpAddr::V6(six) => six.to_bits(),
        };
        if prefix < 128 && bits << prefix != 0 {
            return Err(wrong("bits after the prefix are set; write the network's first address"));
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    #[test]
    fn overlap_is_one_inside_the_other() {
        assert!(network("10.0.0.0/8").overlaps(&network("10.42.0.0/16")));
        assert!(network("10.42.0.0/16").overlaps(&network("10.0.0.0/8")));
        assert!(!network("10.42.0.0/16").overlaps(&network("10.43.0.0/16")));
        assert!(network("0.0.0.0/0").overlaps(&network("192.168.1.0/24")));
        assert!(!network("0.0.0.0/0").overlaps(&network("::/0")));
        assert!(network("fd00::/8").overlaps(&network("fd00:42::/48")));
        assert!(network("10.0.0.0/8").holds(&network("10.42.0.0/16")) && !network("10.42.0.0/16").holds(&network("10.0.0.0/8")));
    }

    #[test]
    fn says_what_is_wrong_with_a_network() {
        for (text, why) in [
            ("10.0.0.1/8", "bits after the prefix"),
            ("10.0.0.0", "write it as"),
            ("10.0.0.0/33", "0 to 32"),
            ("here/8", "no address"),
            ("fd00::/129", "0 to 128"),
        ] {
            let error = text.parse::<Network>().expect_err(text);
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(network("fd00:42::/48").to_string(), "fd00:42::/48");
    }
}
