//! Finds out what the kernel enforces, by trying it.
//!
//! Invariant: a layer that changes the process is tried in a forked child of a supervisor, so a
//! probe changes neither obs nor a supervisor. A layer counts as enforced only if the probe has
//! seen its effect: the kernel refuses something that would succeed otherwise. The kernel's version
//! does not count. `truncate` and `device-ioctl` have no harmless test: they count if the kernel
//! accepts their rules.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Ipv4Addr, SocketAddrUnix, SocketAddrV4, SocketType, bind, connect, socket,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{child_subreaper, getpid, getppid, test_kill_process, waitpid};
use rustix::thread::{capabilities, no_new_privs};

use super::shortage::is_shortage;
use super::{
    Access, Confinement, Grant, Layer, Network, SandboxBuilder, encode, landlock, seccomp,
};
use crate::process::limits::Limits;
use crate::process::symlinks::Opener;
use crate::process::sys::{self, Forked};
use crate::process::tree_stats;

/// The result for each layer, in the order of [`Layer::ALL`]: 0, or the errno of the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct ProbeResult {
    pub(in crate::process) abi: i32,
    pub(in crate::process) errnos: [i32; Layer::ALL.len()],
}

/// The kernel accepted the layer, and it had no effect.
pub(super) const NO_EFFECT: i32 = libc::EBADE;

/// The process that was to try a layer ended before it did.
pub(super) const NOT_REACHED: i32 = libc::ECHILD;

/// Tries every layer. `tree_kill` is what `SignalDomain::proof` returned.
pub(in crate::process) fn try_layers(tree_kill: io::Result<bool>) -> ProbeResult {
    let mut errnos = try_in_child().unwrap_or_else(|error| [errno(&error); Layer::ALL.len()]);
    let mut report = |layer, outcome| errnos[index(layer)] = errno_of(outcome);
    report(Layer::NoNewPrivileges, no_new_privs().map_err(Into::into));
    let subreaper = child_subreaper().map(|own| own.is_some());
    report(Layer::Subreaper, subreaper.map_err(Into::into));
    report(Layer::Limits, tree_stats::try_on_itself().map(|()| true));
    report(Layer::TreeKill, tree_kill);
    let abi = landlock::abi();
    ProbeResult { abi, errnos }
}

/// Tries the layers that change a process permanently, all in one child.
fn try_in_child() -> io::Result<[i32; Layer::ALL.len()]> {
    // Outside the child's domain.
    let listener = abstract_socket();
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let child = match sys::fork()? {
        Forked::Child => sys::run_forked_child(|| {
            let mut reported = File::from(writer);
            try_confined(&listener, |layer, outcome| {
                let errno = errno_of(outcome).to_le_bytes();
                // If the parent is gone, nobody needs the result.
                drop(reported.write_all(&[&[layer as u8][..], &errno].concat()));
            })
        }),
        Forked::Parent(child) => child,
    };
    drop(writer);
    let mut reported = Vec::new();
    File::from(reader).read_to_end(&mut reported)?;
    let status =
        rustix::io::retry_on_intr(|| waitpid(Some(child), rustix::process::WaitOptions::empty()))?;
    let status = status.and_then(|(_, status)| status.exit_status());
    // Layers that the child did not reach failed with the error that ended it.
    let mut errnos = [status.filter(|errno| *errno != 0).unwrap_or(NOT_REACHED); Layer::ALL.len()];
    for one in reported.chunks_exact(1 + size_of::<i32>()) {
        if let [layer, errno @ ..] = one
            && let Some(known) = errnos.get_mut(usize::from(*layer))
            && let Ok(errno) = errno.try_into()
        {
            *known = i32::from_le_bytes(errno);
        }
    }
    Ok(errnos)
}

/// In the child: applies everything and checks the effect of each layer.
fn try_confined(
    listener: &io::Result<(OwnedFd, SocketAddrUnix)>,
    mut report: impl FnMut(Layer, io::Result<bool>),
) -> io::Result<()> {
    let confinement = Confinement {
        grants: vec![Grant::new("/proc", Access::Read)],
        // This has TCP rules; for `Network::None` the filter denies TCP.
        network: Network::Some {
            tcp: Vec::new(),
            dns: false,
        },
        best_effort: true,
    };
    // Made before the filter is installed, which would deny it.
    let client = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    let mut encoded = Vec::new();
    encode(&mut encoded, &confinement);
    let mut builder = SandboxBuilder::without_filter();
    let prepared = builder.prepare(Some(&encoded), &Limits::NONE, &mut Opener::default())?;
    let child_sandbox = prepared.child_sandbox(None);
    if !child_sandbox.apply() {
        return Err(io::Error::last_os_error());
    }
    let applied = child_sandbox.applied();
    let mut check = |layer, effect: &dyn Fn() -> io::Result<bool>| {
        // This kernel does not know the layer, or refused it.
        let unknown = || Err(io::Error::from_raw_os_error(libc::ENOSYS));
        let is_applied = applied.contains(layer);
        report(layer, if is_applied { effect() } else { unknown() });
    };
    check(Layer::Capabilities, &has_no_capability);
    check(Layer::Files, &|| is_refused(open_usr()));
    check(Layer::DeviceControl, &|| Ok(true));
    check(Layer::Tcp, &|| is_refused(connect_to_localhost()));
    check(Layer::Signals, &|| match getppid() {
        Some(parent) => is_refused(test_kill_process(parent)),
        None => Ok(false),
    });
    let has_truncate = landlock::layers(landlock::abi()).contains(Layer::Truncate);
    if has_truncate {
        check(Layer::Truncate, &|| Ok(true));
    }
    match listener {
        Ok((_, address)) => check(Layer::AbstractSockets, &|| {
            is_refused(connect(&client, address))
        }),
        Err(error) => report(Layer::AbstractSockets, Err(copy_of(error))),
    }
    let filter = seccomp::install(&confinement.network, !has_truncate);
    if !has_truncate {
        report(
            Layer::Truncate,
            filter.as_ref().map(|()| true).map_err(copy_of),
        );
    }
    report(
        Layer::Seccomp,
        filter.and_then(|()| is_refused(unix_stream())),
    );
    Ok(())
}

/// Whether the kernel refused it. Without a descriptor or memory for the attempt, nobody knows.
fn is_refused(outcome: rustix::io::Result<()>) -> io::Result<bool> {
    match outcome {
        Err(Errno::ACCESS | Errno::PERM) => Ok(true),
        Err(errno) if is_shortage(errno.raw_os_error()) => Err(errno.into()),
        _ => Ok(false),
    }
}

fn open_usr() -> rustix::io::Result<()> {
    open("/usr", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).map(drop)
}

fn unix_stream() -> rustix::io::Result<()> {
    socket(AddressFamily::UNIX, SocketType::STREAM, None).map(drop)
}

fn connect_to_localhost() -> rustix::io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // The port of `discard`, where hardly anybody listens. `ECONNREFUSED` does not come from
    // Landlock.
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9))
}

fn abstract_socket() -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let name = format!("obs-doctor-{}", getpid().as_raw_pid());
    let address = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
    let listener = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    bind(&listener, &address)?;
    Ok((listener, address))
}

/// Asked of the kernel, because /proc may be missing. (A capability is ambient only if it is
/// permitted.)
fn has_no_capability() -> io::Result<bool> {
    let sets = capabilities(None)?;
    let all = sets.effective | sets.permitted | sets.inheritable;
    Ok(all.is_empty())
}

/// The index of a layer in [`Layer::ALL`], which lists them in declaration order.
fn index(layer: Layer) -> usize {
    layer as usize
}

fn errno_of(outcome: io::Result<bool>) -> i32 {
    match outcome {
        Ok(true) => 0,
        Ok(false) => NO_EFFECT,
        Err(error) => errno(&error),
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(errno(error))
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
