//! Finds out what the kernel enforces, by trying it.
//!
//! Invariant: a layer that changes the process is tried in a forked child of a supervisor, so a
//! probe changes neither obs nor a supervisor. A layer counts as enforced only if the probe has
//! seen its effect: the kernel refuses something that would succeed otherwise. The kernel's version
//! does not count. `truncate` and `device-ioctl` have no harmless test: they count if the kernel
//! accepts their rules.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Ipv4Addr, SocketAddrUnix, SocketAddrV4, SocketType, bind, connect, socket,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{child_subreaper, getpid, getppid, test_kill_process, waitpid};
use rustix::thread::no_new_privs;

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

/// Tries every layer. `tree_kill` is what `SignalDomain::is_isolated` returned.
pub(in crate::process) fn try_layers(tree_kill: bool) -> ProbeResult {
    let mut errnos = try_in_child().unwrap_or_else(|error| [errno(&error); Layer::ALL.len()]);
    let mut report = |layer, outcome| errnos[index(layer)] = errno_of(outcome);
    report(Layer::NoNewPrivileges, no_new_privs().map_err(Into::into));
    let subreaper = child_subreaper().map(|own| own.is_some());
    report(Layer::Subreaper, subreaper.map_err(Into::into));
    report(Layer::Limits, Ok(tree_stats::is_possible()));
    report(Layer::TreeKill, Ok(tree_kill));
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
    let mut errnos = [status.filter(|errno| *errno != 0).unwrap_or(NO_EFFECT); Layer::ALL.len()];
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
    let mut check = |layer, effect: &dyn Fn() -> bool| {
        // This kernel does not know the layer, or refused it.
        let unknown = || io::Error::from_raw_os_error(libc::ENOSYS);
        report(
            layer,
            applied.contains(layer).then(effect).ok_or_else(unknown),
        );
    };
    check(Layer::Capabilities, &has_no_capability);
    check(Layer::Files, &|| is_refused(open_usr()));
    check(Layer::DeviceControl, &|| true);
    check(Layer::Tcp, &|| is_refused(connect_to_localhost()));
    check(Layer::Signals, &|| {
        getppid().is_some_and(|parent| is_refused(test_kill_process(parent)))
    });
    let has_truncate = landlock::layers(landlock::abi()).contains(Layer::Truncate);
    if has_truncate {
        check(Layer::Truncate, &|| true);
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
    report(Layer::Seccomp, filter.map(|()| is_refused(unix_stream())));
    Ok(())
}

fn is_refused(outcome: rustix::io::Result<()>) -> bool {
    matches!(outcome, Err(Errno::ACCESS | Errno::PERM))
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
