//! Finding out what the kernel enforces, by trying it.
//!
//! Invariant: what changes a process is tried in a forked child of a supervisor, so nothing here
//! changes obs or a supervisor; and it counts only if its effect was seen: something that would
//! succeed otherwise is refused. Whether a kernel's version says that it should be is not asked.
//! Only for `truncate` and `device-ioctl` there is nothing harmless to try: they count if their
//! rules were accepted.

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

/// What became of each layer, in the order of [`Layer::ALL`]: 0, or the errno that it failed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct ProbeResult {
    pub(in crate::process) abi: i32,
    pub(in crate::process) errnos: [i32; Layer::ALL.len()],
}

/// Stands for "it was accepted and had no effect".
pub(super) const NO_EFFECT: i32 = libc::EBADE;

/// Tries every layer. `tree_end` is what the guard of the supervisor's domain says.
pub(in crate::process) fn try_layers(tree_end: bool) -> ProbeResult {
    let mut errnos = try_in_child().unwrap_or_else(|error| [errno(&error); Layer::ALL.len()]);
    let mut tell = |layer, outcome| errnos[place(layer)] = errno_of(outcome);
    tell(Layer::NoNewPrivileges, no_new_privs().map_err(Into::into));
    let subreaper = child_subreaper().map(|own| own.is_some());
    tell(Layer::Subreaper, subreaper.map_err(Into::into));
    tell(Layer::Limits, Ok(tree_stats::is_possible()));
    tell(Layer::TreeKill, Ok(tree_end));
    let abi = landlock::abi();
    ProbeResult { abi, errnos }
}

/// Tries what changes a process for ever, all of it in one child.
fn try_in_child() -> io::Result<[i32; Layer::ALL.len()]> {
    // Outside of the child's domain.
    let listener = abstract_socket();
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let child = match sys::fork()? {
        Forked::Child => sys::run_forked_child(|| {
            let mut told = File::from(writer);
            try_confined(&listener, |layer, outcome| {
                let errno = errno_of(outcome).to_le_bytes();
                // A parent that is gone asks for nothing.
                drop(told.write_all(&[&[layer as u8][..], &errno].concat()));
            })
        }),
        Forked::Parent(child) => child,
    };
    drop(writer);
    let mut told = Vec::new();
    File::from(reader).read_to_end(&mut told)?;
    let status =
        rustix::io::retry_on_intr(|| waitpid(Some(child), rustix::process::WaitOptions::empty()))?;
    let status = status.and_then(|(_, status)| status.exit_status());
    // What it did not come to failed with what ended it.
    let mut errnos = [status.filter(|errno| *errno != 0).unwrap_or(NO_EFFECT); Layer::ALL.len()];
    for one in told.chunks_exact(1 + size_of::<i32>()) {
        if let [layer, errno @ ..] = one
            && let Some(known) = errnos.get_mut(usize::from(*layer))
            && let Ok(errno) = errno.try_into()
        {
            *known = i32::from_le_bytes(errno);
        }
    }
    Ok(errnos)
}

/// In the child: puts everything on, and looks for the effect of each layer.
fn try_confined(
    listener: &io::Result<(OwnedFd, SocketAddrUnix)>,
    mut tell: impl FnMut(Layer, io::Result<bool>),
) -> io::Result<()> {
    let confinement = Confinement {
        grants: vec![Grant::new("/proc", Access::Read)],
        // With rules for TCP, which `None` leaves to the filter.
        network: Network::Some {
            tcp: Vec::new(),
            dns: false,
        },
        best_effort: true,
    };
    // Made before the filter, which is another layer.
    let client = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    let mut sealed = Vec::new();
    encode(&mut sealed, &confinement);
    let mut workshop = SandboxBuilder::without_filter();
    let suit = workshop.prepare(Some(&sealed), &Limits::NONE, &mut Opener::default())?;
    let child_sandbox = suit.child_sandbox(None);
    if !child_sandbox.apply() {
        return Err(io::Error::last_os_error());
    }
    let applied = child_sandbox.applied();
    let mut look = |layer, effect: &dyn Fn() -> bool| {
        // Not known to this kernel, or refused by it.
        let unknown = || io::Error::from_raw_os_error(libc::ENOSYS);
        tell(
            layer,
            applied.contains(layer).then(effect).ok_or_else(unknown),
        );
    };
    look(Layer::Capabilities, &has_no_capability);
    look(Layer::Files, &|| is_refused(look_into_usr()));
    look(Layer::DeviceControl, &|| true);
    look(Layer::Tcp, &|| is_refused(connect_to_myself()));
    look(Layer::Signals, &|| {
        getppid().is_some_and(|parent| is_refused(test_kill_process(parent)))
    });
    let has_truncate = landlock::layers(landlock::abi()).contains(Layer::Truncate);
    if has_truncate {
        look(Layer::Truncate, &|| true);
    }
    match listener {
        Ok((_, address)) => look(Layer::AbstractSockets, &|| {
            is_refused(connect(&client, address))
        }),
        Err(error) => tell(Layer::AbstractSockets, Err(again(error))),
    }
    let filter = seccomp::install(&confinement.network, !has_truncate);
    if !has_truncate {
        tell(
            Layer::Truncate,
            filter.as_ref().map(|()| true).map_err(again),
        );
    }
    tell(Layer::Seccomp, filter.map(|()| is_refused(unix_stream())));
    Ok(())
}

fn is_refused(outcome: rustix::io::Result<()>) -> bool {
    matches!(outcome, Err(Errno::ACCESS | Errno::PERM))
}

fn look_into_usr() -> rustix::io::Result<()> {
    open("/usr", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).map(drop)
}

fn unix_stream() -> rustix::io::Result<()> {
    socket(AddressFamily::UNIX, SocketType::STREAM, None).map(drop)
}

fn connect_to_myself() -> rustix::io::Result<()> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // The port of `discard`, where hardly anybody listens; refused by the kernel is not by
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

/// The place of a layer in [`Layer::ALL`], which has them in the order of their declaration.
fn place(layer: Layer) -> usize {
    layer as usize
}

fn errno_of(outcome: io::Result<bool>) -> i32 {
    match outcome {
        Ok(true) => 0,
        Ok(false) => NO_EFFECT,
        Err(error) => errno(&error),
    }
}

fn again(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(errno(error))
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
