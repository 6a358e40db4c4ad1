//! The network.

use super::place::Place;
use crate::process::Network;
use crate::skill::Permission;

/// What is said by programs that may not use the network.
const CONNECTIONS: &[(&str, &[&str])] = &[
    (
        "curl: (7) Failed to connect to 127.0.0.1 port 8765 after 0 ms: Couldn't connect to server",
        &["net.tcp:8765"],
    ),
    (
        "curl: (7) Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server",
        &["net.tcp:80"],
    ),
    (
        "curl: (7) Failed to connect to api.example.com port 443: Operation not permitted",
        &["net.tcp:443", "net.dns"],
    ),
    ("curl: (6) Could not resolve host: example.com", &["net"]),
    (
        "fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "ssh: Could not resolve hostname github.com: Temporary failure in name resolution",
        &["net"],
    ),
    (
        "wget: unable to resolve host address 'example.com'",
        &["net"],
    ),
    (
        "Connecting to 127.0.0.1:8765... failed: Permission denied.",
        &["net.tcp:8765"],
    ),
    (
        "npm error code EAI_AGAIN\nnpm error request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        &["net"],
    ),
    (
        "WARNING: Retrying after connection broken by 'NewConnectionError('<pip>: Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/six/",
        &["net"],
    ),
    (
        "HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded (Caused by NewConnectionError: [Errno -2] Name or service not known)",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "urllib.error.URLError: <urlopen error [Errno 1] Operation not permitted>",
        &["net"],
    ),
    (
        "  File \"/usr/lib/python3.11/socket.py\", line 232, in __init__\nPermissionError: [Errno 1] Operation not permitted",
        &["net"],
    ),
    (
        "Error: connect EPERM 127.0.0.1:8765 - Local (undefined:undefined)\n    errno: -1,\n    code: 'EPERM',\n",
        &["net.tcp:8765"],
    ),
    ("Error: connect EACCES ::1:8080", &["net.tcp:8080"]),
    (
        "Get \"http://127.0.0.1:9000/\": dial tcp 127.0.0.1:9000: socket: operation not permitted",
        &["net.tcp:9000"],
    ),
    (
        "dial tcp: lookup example.com: Temporary failure in name resolution",
        &["net"],
    ),
    (
        "bash: socket: Operation not permitted\nbash: line 1: /dev/tcp/127.0.0.1/8765: Operation not permitted",
        &["net.tcp:8765"],
    ),
    (
        "psql: error: connection to server at \"127.0.0.1\", port 5432 failed: could not create socket: Operation not permitted",
        &["net.tcp:5432"],
    ),
    (
        "socket: Operation not permitted\nssh: connect to host localhost port 22: failure",
        &["net.tcp:22"],
    ),
    (
        "PermissionError: [Errno 13] Permission denied (while attempting to bind on address ('127.0.0.1', 9999))",
        &["net"],
    ),
    (
        "Error: listen EPERM: operation not permitted 0.0.0.0:3000",
        &["net"],
    ),
];

#[test]
fn the_network_is_recognised_with_host_and_port() {
    let mut place = Place::new();
    place.expect_all(CONNECTIONS);
    place.command = vec![
        "curl".to_owned(),
        "-sS".to_owned(),
        "https://example.com/x".to_owned(),
    ];
    place.expect(
        "curl: (6) Could not resolve host: example.com",
        &["net.tcp:443", "net.dns"],
    );
    place.network = Network::Some {
        tcp: vec![443],
        dns: false,
    };
    place.permissions = vec![Permission::NetTcp(443)];
    place.expect(
        "curl: (6) Could not resolve host: example.com",
        &["net.tcp:443", "net.dns"],
    );
    place.expect(
        "curl: (7) Failed to connect to localhost port 8765 after 0 ms: Couldn't connect to server",
        &["net.tcp:443", "net.tcp:8765"],
    );
    place.expect_none(
        "curl: (7) Failed to connect to 1.2.3.4 port 443 after 0 ms: Couldn't connect to server",
    );
    place.network = Network::Full;
    place.expect_none("curl: (6) Could not resolve host: example.com");
    place.expect_none("Error: listen EACCES: permission denied 0.0.0.0:80");
}
