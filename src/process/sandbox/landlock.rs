//! Rules of Landlock for one process.
//!
//! Invariant: every right that the kernel knows is handled, so what no rule grants is denied. A
//! path is opened here, in the supervisor, and granted as what it was at that moment; one that
//! can't be reached is not granted, which is the safe side. No symlink is followed (`symlinks`):
//! one that a skill could have made is an error.

use std::io;
use std::os::fd::OwnedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::{Access, Confinement, Grant, Layer, Layers, Network};
use crate::process::symlinks::{OpenedPath, Opener};
use crate::process::sys;

/// The version of Landlock here; 0 if there is none, or it is switched off.
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

/// Device and inode of the file that a granted path led to when rules were made; `None` if there
/// was none, and for what belongs to the system. The rules hold the file, so its number is nobody
/// else's as long as they exist.
pub(super) type Target = Option<(u64, u64)>;

/// Makes the rules of `confinement` for a kernel of version `abi`, which is not 0. With them comes
/// what each grant led to.
pub(super) fn rules(
    confinement: &Confinement,
    abi: i32,
    opener: &mut Opener,
) -> io::Result<(OwnedFd, Vec<Target>)> {
    let abi = ABI::from(abi);
    let mut ruleset = handled(confinement, abi)
        .and_then(Ruleset::create)
        .map_err(other)?;
    let mut targets = Vec::with_capacity(confinement.grants.len());
    for grant in &confinement.grants {
        let file = open_granted(grant, opener)?;
        if let Some(file) = &file {
            ruleset = grant_file(ruleset, file, grant.access, abi)?;
        }
        let replaceable = file.filter(|_| !grant.is_system);
        targets.push(replaceable.map(|file| file.id()));
    }
    let ruleset = grant_ports(ruleset, &confinement.network, abi).map_err(other)?;
    let rules = Option::<OwnedFd>::from(ruleset);
    let rules = rules.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSYS))?;
    Ok((rules, targets))
}

/// True if the granted path still leads to what it led to.
pub(super) fn is_unchanged(grant: &Grant, target: Target, opener: &mut Opener) -> bool {
    open_granted(grant, opener).is_ok_and(|file| file.map(|file| file.id()) == target)
}

/// Opens a granted path. `None` if it does not exist, or this user can't reach it.
fn open_granted(grant: &Grant, opener: &mut Opener) -> io::Result<Option<OpenedPath>> {
    let error = match opener.open(&grant.path) {
        Ok(file) => return Ok(Some(file)),
        Err(error) => error.errno(),
    };
    match error {
        libc::ENOENT | libc::ENOTDIR | libc::EACCES | libc::ENAMETOOLONG => Ok(None),
        libc::ELOOP if grant.is_system => Ok(None),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
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
    file: &OpenedPath,
    access: Access,
    abi: ABI,
) -> io::Result<RulesetCreated> {
    let mut rights = rights(access, abi);
    if !file.is_directory() {
        rights &= AccessFs::from_file(abi);
    }
    ruleset
        .add_rule(PathBeneath::new(&*file.fd, rights))
        .map_err(other)
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
