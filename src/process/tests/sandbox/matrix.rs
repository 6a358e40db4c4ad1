//! Attempts to escape from the sandbox, and the expected results.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use super::*;
use rustix::process::{getpid, getuid};

/// What is expected of a confined process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    Denied,
    /// It is killed by SIGSYS.
    Killed,
    /// It succeeds: a known gap, listed with its reason in `sandbox/mod.rs`.
    Gap,
    /// It must succeed, because ordinary programs need it.
    Allowed,
}
use Expected::{Allowed, Denied, Gap, Killed};

#[expect(clippy::too_many_lines, reason = "a table")]
/// All attempts: the name in the report, the probe with its arguments, the expected result.
fn attempts(arena: &Arena, ports: [u16; 2]) -> Vec<(&'static str, Vec<String>, Expected)> {
    let path = |name: &str| arena.text(name);
    let obs = getpid().as_raw_pid().to_string();
    let [tcp, udp] = ports.map(|port| port.to_string());
    let secret = SECRET.as_ptr().addr().to_string();
    let own = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut attempts = vec![
        (
            "write outside the workspace",
            own(&["create", &path("outside/new")]),
            Denied,
        ),
        (
            "write in the workspace without a permission",
            own(&["create", &path("workspace/new")]),
            Denied,
        ),
        (
            "append outside",
            own(&["append", &path("outside/append")]),
            Denied,
        ),
        (
            "read a file in another home",
            own(&["read", &path("home/notes")]),
            Denied,
        ),
        (
            "read ~/.ssh",
            own(&["read", &path("home/.ssh/id_ed25519")]),
            Denied,
        ),
        ("list a home", own(&["list", &path("home")]), Denied),
        ("list the root", own(&["list", "/"]), Denied),
        ("read /etc/shadow", own(&["read", "/etc/shadow"]), Denied),
        (
            "rename out",
            own(&["rename", &path("scratch/mine"), &path("outside/renamed")]),
            Denied,
        ),
        (
            "hard link out",
            own(&["link", &path("workspace/out/mine"), &path("outside/linked")]),
            Denied,
        ),
        (
            "hard link in",
            own(&["link", &path("outside/secret"), &path("scratch/linked")]),
            Denied,
        ),
        (
            "rename into another directory of one grant",
            own(&["rename", &path("scratch/moved"), &path("scratch/dir/moved")]),
            Allowed,
        ),
        (
            "hard link into another directory of one grant",
            own(&[
                "link",
                &path("scratch/original"),
                &path("scratch/dir/linked"),
            ]),
            Allowed,
        ),
        (
            "hard link to where a file could be written",
            own(&[
                "link",
                &path("workspace/source"),
                &path("scratch/dir/source"),
            ]),
            Denied,
        ),
        (
            "rename a file that may only be read",
            own(&[
                "rename",
                &path("workspace/source"),
                &path("scratch/dir/source"),
            ]),
            Denied,
        ),
        (
            "symlink out",
            own(&[
                "symlink-make",
                &path("scratch/mine2"),
                &path("outside/pointer"),
            ]),
            Denied,
        ),
        (
            "read through a symlink",
            own(&[
                "symlink-read",
                &path("outside/secret"),
                &path("scratch/pointer"),
            ]),
            Denied,
        ),
        (
            "truncate outside",
            own(&["truncate", &path("outside/victim")]),
            Denied,
        ),
        (
            "truncate outside by opening",
            own(&["open-truncate", &path("outside/victim")]),
            Denied,
        ),
        (
            "unlink outside",
            own(&["unlink", &path("outside/unlink")]),
            Denied,
        ),
        (
            "mkdir outside",
            own(&["mkdir", &path("outside/made")]),
            Denied,
        ),
        (
            "mkfifo outside",
            own(&["mkfifo", &path("outside/fifo")]),
            Denied,
        ),
        (
            "execute outside",
            own(&["exec", &path("outside/program"), "exit"]),
            Denied,
        ),
        (
            "open by handle",
            own(&["handle", &path("outside/secret"), &path("workspace")]),
            Denied,
        ),
        (
            "change the owner outside",
            own(&["chown", &path("outside/owner")]),
            Denied,
        ),
        (
            "change the mode outside",
            own(&["chmod", &path("outside/mode")]),
            Gap,
        ),
        (
            "make a set-id program",
            own(&["set-id", &path("scratch/set-id")]),
            Denied,
        ),
        ("TCP connect", own(&["tcp", &tcp]), Denied),
        ("TCP listen", own(&["listen"]), Denied),
        ("MPTCP connect", own(&["mptcp", &tcp]), Denied),
        ("UDP send", own(&["udp", &udp]), Denied),
        ("raw socket", own(&["raw"]), Denied),
        ("packet socket", own(&["packet"]), Denied),
        ("vsock", own(&["vsock"]), Denied),
        ("crypto socket", own(&["alg"]), Denied),
        ("netlink", own(&["netlink"]), Denied),
        (
            "abstract socket",
            own(&["abstract-socket", &abstract_name()]),
            Denied,
        ),
        (
            "path socket",
            own(&["path-socket", &path("outside/socket")]),
            Denied,
        ),
        (
            "path socket from a datagram pair",
            own(&["pair-to-socket", &path("outside/datagrams")]),
            Denied,
        ),
        ("io_uring", own(&["io-uring"]), Denied),
        ("ptrace of obs", own(&["ptrace", &obs]), Denied),
        ("signal to obs", own(&["signal", &obs]), Denied),
        ("signal to the supervisor", own(&["signal", "0"]), Denied),
        (
            "signal to obs by pidfd",
            own(&["signal-pidfd", &obs]),
            Denied,
        ),
        (
            "environment of obs",
            own(&["proc", &obs, "environ"]),
            Denied,
        ),
        ("memory map of obs", own(&["proc", &obs, "maps"]), Denied),
        ("memory of obs", own(&["memory", &obs, &secret]), Denied),
        ("limits of obs", own(&["prlimit", &obs]), Denied),
        ("priority of all processes", own(&["nice-all"]), Denied),
        ("shared memory", own(&["shm"]), Denied),
        ("message queue", own(&["queue"]), Denied),
        (
            "attributes outside",
            own(&["xattr", &path("outside/mode")]),
            Denied,
        ),
        ("own limits", own(&["prlimit-own"]), Allowed),
        (
            "root directory of obs",
            own(&["proc-dir", &obs, "root"]),
            Denied,
        ),
        (
            "working directory of obs",
            own(&["proc-dir", &obs, "cwd"]),
            Denied,
        ),
        ("descriptor of obs", own(&["take-fd", &obs]), Denied),
        ("command line of obs", own(&["proc", &obs, "cmdline"]), Gap),
        ("user namespace", own(&["unshare-user"]), Denied),
        ("user namespace by clone", own(&["clone-user"]), Denied),
        ("network namespace by clone", own(&["clone-net"]), Denied),
        ("user namespace by clone3", own(&["clone3"]), Denied),
        ("mount namespace", own(&["unshare-mount"]), Denied),
        ("enter a namespace", own(&["setns"]), Denied),
        ("mount", own(&["mount", &path("workspace/out")]), Denied),
        ("mount by descriptor", own(&["fsopen"]), Denied),
        ("chroot", own(&["chroot", &path("workspace")]), Denied),
        ("keyring", own(&["keys"]), Denied),
        ("bpf", own(&["bpf"]), Denied),
        ("perf events", own(&["perf"]), Denied),
        ("userfaultfd", own(&["userfault"]), Denied),
        ("capabilities", own(&["capabilities"]), Denied),
        ("left-over descriptors", own(&["fds"]), Denied),
        (
            "read in the workspace",
            own(&["read", &path("workspace/source")]),
            Allowed,
        ),
        (
            "write where that is granted",
            own(&["create", &path("workspace/out/new")]),
            Allowed,
        ),
        (
            "write in the scratch directory",
            own(&["create", &path("scratch/new")]),
            Allowed,
        ),
        ("read /proc", own(&["proc", "self", "status"]), Allowed),
        ("socket pair", own(&["pair"]), Allowed),
        ("a child", own(&["clone"]), Allowed),
    ];
    if cfg!(target_arch = "x86_64") {
        attempts.push(("x32", own(&["x32"]), Denied));
        attempts.push(("32-bit system call", own(&["i386"]), Killed));
    }
    if getuid().is_root() {
        attempts.push((
            "set-id program",
            own(&["exec", &path("skill/set-id"), "euid"]),
            Denied,
        ));
    }
    attempts
}

/// What the probe tries to read with `process_vm_readv`.
static SECRET: [u8; 8] = *b"canary!!";

fn abstract_name() -> String {
    format!("obs-probe-{}", getpid().as_raw_pid())
}

/// The result for an ordinary process of this user.
fn plainly(arena: &Arena, argv: &[String]) -> String {
    let output = Command::new(&arena.probe)
        .args(argv)
        .current_dir(arena.path("workspace"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if said.is_empty() {
        format!("{:?}", output.status)
    } else {
        said
    }
}

/// Restores everything that an ordinary process has changed.
fn restore(arena: &Arena) {
    let remove = [
        "outside/new",
        "workspace/new",
        "outside/renamed",
        "outside/linked",
        "scratch/linked",
        "outside/pointer",
        "scratch/pointer",
        "outside/fifo",
        "scratch/set-id",
        "workspace/out/new",
        "scratch/new",
        "scratch/dir/moved",
        "scratch/dir/linked",
        "scratch/dir/source",
    ];
    for name in remove {
        fs::remove_file(arena.path(name)).ok();
    }
    for name in ["outside/made", "scratch/made"] {
        fs::remove_dir(arena.path(name)).ok();
    }
    for name in [
        "workspace/source",
        "scratch/mine",
        "scratch/moved",
        "outside/victim",
        "outside/unlink",
        "outside/mode",
    ] {
        fs::write(arena.path(name), "canary\n").unwrap();
    }
}

isolated! {
    fn nothing_gets_out() {
        let Some(arena) = Arena::new() else { return };
        if getuid().is_root() {
            let program = arena.path("skill/set-id");
            fs::copy(arena.path("outside/program"), &program).unwrap();
            std::os::unix::fs::chown(&program, Some(65_534), None).unwrap();
            mode(&program, 0o4755);
        }
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let _path = UnixListener::bind(arena.path("outside/socket")).unwrap();
        let _datagrams = UnixDatagram::bind(arena.path("outside/datagrams")).unwrap();
        let name = SocketAddr::from_abstract_name(abstract_name()).unwrap();
        let _abstract = UnixListener::bind_addr(&name).unwrap();
        let ports = [tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port()];
        let attempts = attempts(&arena, ports);
        with_launcher(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            expect(launcher, &arena, &[Network::None], &attempts).await;
        });
    }
}

/// Makes each attempt unconfined, and confined with each of the networks.
pub(super) async fn expect(
    launcher: &Launcher,
    arena: &Arena,
    networks: &[Network],
    attempts: &[(&str, Vec<String>, Expected)],
) {
    let mut wrong = Vec::new();
    for (title, argv, expected) in attempts {
        let plain = plainly(arena, argv);
        restore(arena);
        if plain != "out" {
            skip(&format!("unconfined `{title}`: {plain}"));
        }
        let words: Vec<_> = argv.iter().map(String::as_str).collect();
        for network in networks {
            let spec = arena.probe(&words, network.clone());
            let exit = simply(launcher, spec).await.unwrap();
            restore(arena);
            let (confined, leader) = (said(&exit), exit.leader);
            let right = match expected {
                Denied => confined.starts_with("denied: "),
                Killed => leader == LeaderExit::Signal(libc::SIGSYS),
                Gap | Allowed => confined == "out",
            };
            if !right {
                wrong.push(format!(
                    "{title} {argv:?} {network:?}: expected {expected:?}: {confined} {leader:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
