//! Rules of Landlock for one process.
//!
//! Invariant: every right that the kernel knows is handled, so what no rule grants is denied. A path
//! is opened here, in the supervisor, and granted as what it was at that moment; one that can't be
//! reached is not granted, which is the safe side. The way of opening beneath a directory is that of
//! `openat2`'s `RESOLVE_BENEATH`: a link that leads out makes the path unreachable.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open};
use rustix::io::Errno;

use super::super::sys;
use super::openat2::openat2;
use super::{Access, Confinement, Grant, Layer, Layers, Network};

/// The version of Landlock here; 0 where there is none, or it is switched off.
pub(in crate::process) fn abi() -> i32 {
    sys::landlock_abi().unwrap_or(0)
}

/// The layers that Landlock adds in a version.
pub(super) fn layers(abi: i32) -> Layers {
    let mut layers = Layers::default();
    for (layer, since) in [
        (Layer::Files, 1),
        (Layer::Truncate, 3),
        (Layer::Tcp, 4),
        (Layer::DeviceControl, 5),
        (Layer::AbstractSockets, 6),
        (Layer::Signals, 6),
    ] {
        if abi >= since {
            layers.insert(layer);
        }
    }
    layers
}

/// What a granted path led to when rules were made; none where it could not be reached, and for what belongs
/// to the system.
pub(super) type Footing = Option<File>;

/// A file that is held open, so that its number is nobody else's.
pub(super) struct File {
    held: OwnedFd,
    id: (u64, u64),
    is_directory: bool,
}

impl File {
    fn look(held: OwnedFd) -> io::Result<Self> {
        let stat = fstat(&held)?;
        Ok(Self {
            held,
            id: (stat.st_dev, stat.st_ino),
            is_directory: FileType::from_raw_mode(stat.st_mode) == FileType::Directory,
        })
    }
}

/// Makes the rules of `confinement` for a kernel of version `abi`, which is not 0. With them comes what
/// each grant stands on.
pub(super) fn rules(confinement: &Confinement, abi: i32) -> io::Result<(OwnedFd, Vec<Footing>)> {
    let abi = ABI::from(abi);
    let mut ruleset = handled(confinement, abi)
        .and_then(Ruleset::create)
        .map_err(other)?;
    let mut footings = Vec::with_capacity(confinement.grants.len());
    for grant in &confinement.grants {
        let footing = reach(grant)?.map(File::look).transpose()?;
        if let Some(file) = &footing {
            ruleset = grant_file(ruleset, file, grant.access, abi)?;
        }
        // Not kept open for longer than needed: there are many of them.
        footings.push(footing.filter(|_| !grant.of_system));
    }
    let ruleset = grant_ports(ruleset, &confinement.network, abi).map_err(other)?;
    let rules = Option::<OwnedFd>::from(ruleset);
    let rules = rules.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSYS))?;
    Ok((rules, footings))
}

/// True if the granted path still leads to what it led to.
pub(super) fn stands(grant: &Grant, footing: &Footing) -> bool {
    match (found(grant), footing) {
        (Ok(None), None) => true,
        (Ok(Some(now)), Some(then)) => now == then.id,
        _ => false,
    }
}

/// The number of the file that a granted path leads to. `None` as for [`reach`].
fn found(grant: &Grant) -> io::Result<Option<(u64, u64)>> {
    if grant.beneath.is_some() {
        let file = reach(grant)?.map(File::look).transpose()?;
        return Ok(file.map(|file| file.id));
    }
    // One call instead of three. That it must not lead through magic links counts where rules are made: they
    // hold the file itself.
    match rustix::fs::stat(&grant.path) {
        Ok(stat) => Ok(Some((stat.st_dev, stat.st_ino))),
        Err(errno) if is_not_there(errno) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// True where a path leads nowhere, or not where it may.
fn is_not_there(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG
    )
}

/// Everything that is denied unless granted.
fn handled(confinement: &Confinement, abi: ABI) -> Result<Ruleset, RulesetError> {
    let mut ruleset = Ruleset::default()
        // The version was asked for before; less than it promises is an error.
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    if confinement.network != Network::Full && abi >= ABI::V4 {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    Ok(ruleset)
}

fn grant_file(
    ruleset: RulesetCreated,
    file: &File,
    access: Access,
    abi: ABI,
) -> io::Result<RulesetCreated> {
    let mut rights = rights(access, abi);
    if !file.is_directory {
        rights &= AccessFs::from_file(abi);
    }
    ruleset
        .add_rule(PathBeneath::new(&file.held, rights))
        .map_err(other)
}

/// Opens a granted path. `None` if it does not exist, or is not where it should be.
fn reach(grant: &Grant) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = match &grant.beneath {
        None => openat2(CWD, &grant.path, flags, ResolveFlags::NO_MAGICLINKS).or_else(|errno| {
            match errno {
                // Older than Landlock's own demands, or hidden by a filter.
                Errno::NOSYS | Errno::PERM => open(&grant.path, flags, Mode::empty()),
                _ => Err(errno),
            }
        }),
        Some(base) => beneath(base, &grant.path, flags),
    };
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(errno) if is_not_there(errno) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn beneath(base: &Path, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let rest = path.strip_prefix(base).map_err(|_| Errno::XDEV)?;
    let base = open(base, flags | OFlags::DIRECTORY, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if rest.as_os_str().is_empty() {
        return Ok(base);
    }
    openat2(base, rest, flags, resolve)
}

fn rights(access: Access, abi: ABI) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // Devices can't be made without a capability, which nobody has; so nobody is offered to.
    let write = AccessFs::from_write(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    match access {
        Access::Read => read,
        Access::ReadExec => read | AccessFs::Execute,
        Access::ReadWrite => read | write,
        Access::ReadWriteExec => read | write | AccessFs::Execute,
    }
}

fn grant_ports(
    mut ruleset: RulesetCreated,
    network: &Network,
    abi: ABI,
) -> Result<RulesetCreated, RulesetError> {
    if let Network::Some { tcp, dns } = network
        && abi >= ABI::V4
    {
        for port in tcp.iter().chain(dns.then_some(&53)) {
            ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(ruleset)
}

/// The crate's errors are about system calls that this kernel should know.
fn other(error: RulesetError) -> io::Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(errno) = error.raw_os_error()
        {
            return io::Error::from_raw_os_error(errno);
        }
        source = error.source();
    }
    io::Error::other(error)
}
