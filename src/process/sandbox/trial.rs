//! Finding out what the kernel enforces, by trying it.
//!
//! Invariant: every attempt is made in a forked child of a supervisor, so nothing here changes obs
//! or a supervisor; and it counts only if its effect was seen: something that would succeed
//! otherwise is refused. Whether a kernel's version says that it should be is not asked. Only for
//! `truncate` and `device-ioctl` there is nothing harmless to try: they count if their rules were
//! accepted.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Ipv4Addr, SocketAddrUnix, SocketAddrV4, SocketType, bind, connect, socket,
};
use rustix::process::{child_subreaper, getpid, getppid, test_kill_process, waitpid};
use rustix::thread::no_new_privs;

use super::super::census;
use super::super::limits::Limits;
use super::super::sys::{self, Forked};
use super::{Access, Confinement, Grant, Layer, Network, Strictness, Workshop, landlock};

/// What became of each layer, in the order of [`Layer::ALL`]: 0, or the errno that it failed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct Trial {
    pub(in crate::process) abi: i32,
    pub(in crate::process) errnos: [i32; Layer::ALL.len()],
}

/// Stands for "it was accepted and had no effect".
pub(super) const NO_EFFECT: i32 = libc::EBADE;

/// Tries every layer. `tree_end` is what the guard of the supervisor's domain says.
pub(in crate::process) fn try_layers(tree_end: bool) -> Trial {
    Trial {
        abi: landlock::abi(),
        errnos: Layer::ALL
            .map(|layer| try_layer(layer, tree_end).map_or_else(|error| errno(&error), |()| 0)),
    }
}

fn try_layer(layer: Layer, tree_end: bool) -> io::Result<()> {
    let seen = |effect: bool| if effect { Ok(()) } else { Err(no_effect()) };
    match layer {
        Layer::NoNewPrivileges => seen(no_new_privs()?),
        Layer::Subreaper => seen(child_subreaper()?.is_some()),
        Layer::Limits => seen(census::is_possible()),
        Layer::TreeEnd => seen(tree_end),
        Layer::Capabilities => in_child(|| confined(&Network::None, layer, has_no_capability)),
        Layer::Files => {
            in_child(|| confined(&Network::None, layer, || is_refused(look_into_usr())))
        }
        Layer::Truncate | Layer::DeviceControl => {
            in_child(|| confined(&Network::None, layer, || true))
        }
        Layer::Tcp => {
            let network = Network::Some {
                tcp: Vec::new(),
                dns: false,
            };
            in_child(|| confined(&network, layer, || is_refused(connect_to_myself())))
        }
        Layer::Signals => in_child(|| {
            confined(&Network::None, layer, || {
                getppid().is_some_and(|parent| is_refused(test_kill_process(parent)))
            })
        }),
        Layer::AbstractSockets => {
            let (_listener, address) = abstract_socket()?;
            in_child(|| {
                // Made before the filter, which is another layer.
                let client = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
                confined(&Network::None, layer, || {
                    is_refused(connect(&client, &address))
                })
            })
        }
        Layer::Seccomp => in_child(|| {
            confined(&Network::None, layer, || {
                is_refused(socket(AddressFamily::UNIX, SocketType::STREAM, None).map(drop))
            })
        }),
    }
}

/// In a child: puts everything on up to `layer`, and looks for its effect.
fn confined(network: &Network, layer: Layer, effect: impl FnOnce() -> bool) -> io::Result<()> {
    let confinement = Confinement {
        grants: vec![Grant::new("/proc", Access::Read)],
        network: network.clone(),
        strictness: Strictness::BestEffort,
    };
    let mut workshop = Workshop::new();
    let suit = workshop.prepare(Some(&confinement), &Limits::NONE)?;
    let armor = suit.armor(None);
    let needs_filter = matches!(layer, Layer::Seccomp | Layer::Truncate);
    if !armor.put_on() || (needs_filter && !armor.put_on_filter()) {
        return Err(io::Error::last_os_error());
    }
    if !armor.applied().contains(layer) {
        // Not known to this kernel, or refused by it.
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    if effect() { Ok(()) } else { Err(no_effect()) }
}

fn is_refused(outcome: rustix::io::Result<()>) -> bool {
    matches!(outcome, Err(Errno::ACCESS | Errno::PERM))
}

fn look_into_usr() -> rustix::io::Result<()> {
    open("/usr", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).map(drop)
}

fn connect_to_myself() -> rustix::io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // The port of `discard`, where hardly anybody listens; refused by the kernel is not by Landlock.
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9))
}

fn abstract_socket() -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let name = format!("obs-doctor-{}", getpid().as_raw_pid());
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
    let listener = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    bind(&listener, &address)?;
    Ok((listener, address))
}

fn has_no_capability() -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mut sets = status
        .lines()
        .filter(|line| {
            ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"]
                .iter()
                .any(|set| line.starts_with(set))
        })
        .map(|line| line.split_ascii_whitespace().nth(1));
    sets.all(|set| set.is_some_and(|set| set.bytes().all(|digit| digit == b'0')))
}

/// Runs `attempt` in a forked child of this single-threaded process.
fn in_child(attempt: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let child = match sys::fork()? {
        Forked::Child => sys::live_forked(attempt),
        Forked::Parent(child) => child,
    };
    let status =
        rustix::io::retry_on_intr(|| waitpid(Some(child), rustix::process::WaitOptions::empty()))?;
    match status.and_then(|(_, status)| status.exit_status()) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        None => Err(no_effect()),
    }
}

fn no_effect() -> io::Error {
    io::Error::from_raw_os_error(NO_EFFECT)
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
