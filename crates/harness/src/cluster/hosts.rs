//! The hosts file: the addresses of the processes of a cluster on several machines.

use std::collections::HashMap;
use std::path::Path;

use thiserror::Error;

/// The addresses of a hosts file, one for each process: line I, comments and empty lines not counted, is process I,
/// from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    origin: String,
    addresses: Vec<String>,
}

/// What is wrong with a hosts file, and where.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{origin}{}: {problem}", .line.map_or(String::new(), |line| format!(", line {line}")))]
pub struct HostsError {
    /// The file.
    pub origin: String,
    /// The line, from 1; absent if the error is about the whole file.
    pub line: Option<usize>,
    /// What is wrong, with the likely fix.
    pub problem: String,
}

impl Hosts {
    /// Reads a hosts file.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, and as [`parse`](Self::parse) does.
    pub fn read(path: &Path) -> Result<Hosts, HostsError> {
        let origin = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Hosts::parse(&origin, &text),
            Err(error) => Err(HostsError { origin, line: None, problem: error.to_string() }),
        }
    }

    /// Parses the text of a file that errors call `origin`: one `address:port` per line; `#` begins a comment.
    ///
    /// # Errors
    ///
    /// Names the first line that is wrong or a repetition, and fails if there are fewer than two addresses.
    pub fn parse(origin: &str, text: &str) -> Result<Hosts, HostsError> {
        let error = |line, problem| HostsError { origin: origin.to_owned(), line, problem };
        let mut line_of = HashMap::new();
        let mut addresses = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let address = content.split('#').next().unwrap_or_default().trim();
            if address.is_empty() {
                continue;
            }
            check(address).map_err(|problem| error(Some(line), problem))?;
            if let Some(first) = line_of.insert(address.to_ascii_lowercase(), line) {
                let problem = format!("{address} is already on line {first}; give every process its own port");
                return Err(error(Some(line), problem));
            }
            addresses.push(address.to_owned());
        }
        if addresses.len() < 2 {
            let problem = match addresses.len() {
                0 => "has no addresses; write one address:port a line, two or more",
                _ => "has only one address; a cluster takes two or more, one process runs without a hosts file",
            };
            return Err(error(None, problem.to_owned()));
        }
        Ok(Hosts { origin: origin.to_owned(), addresses })
    }

    /// Returns all addresses, by process.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Returns the address at which a process listens.
    ///
    /// # Errors
    ///
    /// Fails if the file does not list the process.
    pub fn address(&self, process: usize) -> Result<&str, HostsError> {
        self.addresses.get(process).map(String::as_str).ok_or_else(|| HostsError {
            origin: self.origin.clone(),
            line: None,
            problem: format!("there is no process {process}; it lists 0 to {}", self.addresses.len() - 1),
        })
    }
}

/// Checks that a text is `address:port`. Names are looked up only when they are connected to.
fn check(address: &str) -> Result<(), String> {
    if address.contains(char::is_whitespace) {
        return Err(format!("'{address}' is more than one word; write one address:port a line"));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("'{address}' has no port; write {address}:4000, say"));
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) if bare.parse::<std::net::Ipv6Addr>().is_err() => {
            return Err(format!("'{bare}' is not an IPv6 address"));
        }
        None if host.contains(':') => {
            return Err(format!("'{address}': write an IPv6 address in brackets, as in [fe80::1]:4000"));
        }
        None if host.is_empty() => return Err(format!("'{address}' has no address before its port")),
        _ => {}
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err(format!("'{port}' is not a port; use a number from 1 to 65535 that all machines may connect to")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_has_one_address_a_line_with_comments_and_empty_lines() {
        let text = "# our rack\n10.0.0.1:4000\r\n\n  node-b:4000 # the second\n[::1]:4001\n";
        let hosts = Hosts::parse("hosts.txt", text).unwrap();
        assert_eq!(hosts.addresses(), ["10.0.0.1:4000", "node-b:4000", "[::1]:4001"]);
        assert_eq!(hosts.address(1), Ok("node-b:4000"));
    }

    #[test]
    fn a_wrong_hosts_file_is_named_with_line_and_fix() {
        for (text, wanted) in [
            ("", "hosts.txt: has no addresses; write one address:port a line"),
            ("# nothing\n", "hosts.txt: has no addresses"),
            ("a:1\n", "hosts.txt: has only one address"),
            ("a:1\n\nb\n", "hosts.txt, line 3: 'b' has no port; write b:4000"),
            ("a:1\nb:0\n", "hosts.txt, line 2: '0' is not a port"),
            ("a:1\nb:65536\n", "'65536' is not a port"),
            ("a:1\nb:http\n", "'http' is not a port"),
            ("a:1\n:4000\n", "':4000' has no address before its port"),
            ("a:1\n::1:4000\n", "brackets, as in [fe80::1]:4000"),
            ("a:1\n[node]:4000\n", "'node' is not an IPv6 address"),
            ("a:1 b:2\n", "line 1: 'a:1 b:2' is more than one word"),
            ("a:1\n#\nA:1\n", "hosts.txt, line 3: A:1 is already on line 1"),
        ] {
            let error = Hosts::parse("hosts.txt", text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_missing_file_and_a_missing_process_are_named() {
        let error = Hosts::read(Path::new("no/such/hosts")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/hosts: No such file"), "{error}");
        let error = Hosts::parse("hosts.txt", "a:1\nb:1").unwrap().address(2).unwrap_err().to_string();
        assert_eq!(error, "hosts.txt: there is no process 2; it lists 0 to 1");
    }
}
