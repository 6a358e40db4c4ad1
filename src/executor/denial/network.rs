//! Hosts, ports and sockets in messages.

use std::ffi::OsStr;
use std::path::Path;

use super::denied::{Address, Denied};
use super::words::has_word;

/// What programs say if a name has no address.
const UNRESOLVED: [&str; 9] = [
    "could not resolve",
    "couldn't resolve",
    "temporary failure in name resolution",
    "temporary failure resolving",
    "name or service not known",
    "no address associated",
    "nodename nor servname",
    "unable to resolve host",
    "failed to lookup address",
];
/// What says that a denial is about a connection.
const CONNECTIONS: [&str; 14] = [
    "connect eperm",
    "connect eacces",
    "dial tcp",
    "dial udp",
    "/dev/tcp/",
    "/dev/udp/",
    "socket: ",
    "create socket",
    "urlopen error",
    "establish a new connection",
    "bio_socket",
    "io::socket",
    "connecting to",
    "tcp connect error",
];

/// True if a line in lower case is about a connection.
pub(super) fn is_network(lower: &str) -> bool {
    let is_bound = lower.contains("bind") && lower.contains("address");
    is_bound
        || lower.contains("listen eperm")
        || lower.contains("listen eacces")
        || CONNECTIONS.iter().any(|word| lower.contains(word))
}

/// What a line says about the network that was denied.
pub(super) fn network_denial(line: &str, lower: &str) -> Option<Denied> {
    let is_unresolved = UNRESOLVED.iter().any(|word| lower.contains(word))
        || has_word(line, "EAI_AGAIN")
        || has_word(line, "ENOTFOUND");
    if is_unresolved {
        return Some(Denied::Name(host_of(line, lower)));
    }
    let is_denial = ["not permitted", "denied", "eperm", "eacces"]
        .iter()
        .any(|word| lower.contains(word));
    if is_denial && let Some(path) = unix_path(line, lower) {
        return Some(Denied::UnixSocket(Some(path)));
    }
    // curl and ssh don't say why.
    let is_failure = lower.contains("failed to connect to ") && lower.contains(" port ")
        || lower.contains("connect to host ") && lower.ends_with("failure");
    let is_connection = is_denial && is_network(lower);
    if is_failure || is_connection {
        let is_server = lower.contains("listen ") || lower.contains("bind");
        if is_server && !lower.contains("dial") {
            return Some(Denied::Listening);
        }
        return addresses(line).map(Denied::Connection);
    }
    None
}

/// The path of the Unix socket that a line is about.
fn unix_path(line: &str, lower: &str) -> Option<String> {
    for word in [
        "unix://",
        "dial unix ",
        "connect eperm /",
        "connect eacces /",
    ] {
        if let Some(at) = lower.find(word) {
            let start = at + word.len() - usize::from(word.ends_with(" /"));
            let path = line[start..].split([' ', ':']).next().unwrap_or_default();
            return Some(path.to_owned());
        }
    }
    let mut words = line
        .split([' ', '\'', '"', '`', '(', ')'])
        .map(|word| word.trim_end_matches([':', ',', '.']));
    words.find(|word| is_socket_path(word)).map(str::to_owned)
}

/// True for `/run/docker.sock`.
pub(super) fn is_socket_path(word: &str) -> bool {
    word.starts_with('/') && Path::new(word).extension() == Some(OsStr::new("sock"))
}

/// The address that a line names.
pub(super) fn addresses(line: &str) -> Option<Address> {
    let from_url = line.find("://").and_then(|at| {
        let scheme = line[..at]
            .rsplit(|c: char| !c.is_ascii_alphanumeric())
            .next()?;
        url_address(scheme, &line[at + 3..])
    });
    from_url.or_else(|| worded_address(line)).or_else(|| {
        line.split([' ', '\'', '"', '(', ')', '<', '>', ','])
            .find_map(host_and_port)
    })
}

/// The host and the port of a URL.
pub(super) fn url_address(scheme: &str, rest: &str) -> Option<Address> {
    let authority = rest
        .split(['/', '\'', '"', ' ', '`', '?', '#', ')'])
        .next()?;
    let authority = authority.rsplit('@').next()?;
    let known = match scheme {
        "https" | "wss" => Some(443),
        "http" | "ws" => Some(80),
        "ssh" => Some(22),
        "git" => Some(9418),
        _ => None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => (host, port.parse().ok().or(known)),
        _ => (authority, known),
    };
    let host = host.trim_matches(['[', ']']);
    let is_host = !host.is_empty() && host.chars().all(is_of_host);
    is_host.then(|| Address {
        host: Some(host.to_owned()),
        port,
    })
}

/// `to HOST port N`, `/dev/tcp/HOST/PORT`, `host='HOST', port=N`.
fn worded_address(line: &str) -> Option<Address> {
    if let Some((_, rest)) = line.split_once("/dev/tcp/") {
        let (host, port) = rest.split_once('/')?;
        let digits = port
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(port.len());
        return Some(Address {
            host: Some(host.to_owned()),
            port: port[..digits].parse().ok(),
        });
    }
    let number = |text: &str| {
        let text = text.trim_start_matches(['=', ' ']);
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..digits].parse::<u16>().ok()
    };
    let (before, port) = line
        .match_indices("port")
        .find_map(|(at, _)| Some((&line[..at], number(&line[at + 4..])?)))?;
    let before = before.trim_end_matches([' ', ',', '"', '\'']);
    let host = before.rsplit([' ', '\'', '"', '=']).next();
    let host = host.filter(|host| !host.is_empty() && host.chars().all(is_of_host));
    Some(Address {
        host: host.map(str::to_owned),
        port: Some(port),
    })
}

fn host_and_port(word: &str) -> Option<Address> {
    let word = word.trim_end_matches([':', '.', ';', ',']);
    let (host, port) = word.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let is_host = host.contains(['.', ':']) || host == "localhost";
    (is_host && host.chars().all(is_of_host)).then_some(())?;
    Some(Address {
        host: Some(host.to_owned()),
        port: Some(port.parse().ok()?),
    })
}

fn is_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

/// What a host that could not be resolved follows.
const BEFORE: [&str; 9] = [
    "resolve host: ",
    "resolve hostname ",
    "resolve host address ",
    "eai_again ",
    "enotfound ",
    "resolving ",
    "lookup ",
    "resolve: ",
    "resolve host ",
];

/// The host that could not be resolved.
fn host_of(line: &str, lower: &str) -> Address {
    if let Some(address) = addresses(line).filter(|address| address.host.is_some()) {
        return address;
    }
    let host = BEFORE.iter().find_map(|word| {
        let at = lower.find(word)? + word.len();
        let rest = line[at..].trim_start_matches(['\'', '"', '`', '‘', '“']);
        let end = rest.find(|c: char| !is_of_host(c)).unwrap_or(rest.len());
        let host = rest[..end].trim_end_matches([':', '.']);
        (!host.is_empty()).then(|| host.to_owned())
    });
    Address { host, port: None }
}
