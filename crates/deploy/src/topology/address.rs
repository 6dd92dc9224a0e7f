//! Where something listens: a host and a port.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `host:port`, such as `mysql.example:3306` or `[fd00::1]:8443`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Address {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no address: {why}");
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("write it as host:port"))?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("the port is 1 to 65535"))?;
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let fits = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')),
        };
        if !fits {
            return Err(wrong("the host is a name, an IPv4 address, or an IPv6 address in brackets"));
        }
        Ok(Self { host: inside.unwrap_or(host).to_owned(), port })
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn reads_names_and_both_kinds_of_addresses() {
        for text in ["mysql.example:3306", "10.0.0.1:22", "[fd00::1]:8443"] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for text in ["mysql.example", "a:0", "a:70000", "fd00::1:80", "jdbc:mysql://a:3306", ":80"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
