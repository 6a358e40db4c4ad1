//! Makes Landlock rulesets.
//!
//! Invariant: a ruleset handles every right that the kernel knows, so what no rule grants is
//! denied. The supervisor opens each path here, and the rule applies to the file that it opened; a
//! path that can't be opened is not granted, which is the safe choice. No symlink is followed
//! (`symlinks`): a symlink that a skill could have created is an error.

use std::io;
use std::os::fd::OwnedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use super::{Access, Confinement, Grant, Layer, Layers, Network};
use crate::process::symlinks::{OpenedPath, Opener};
use crate::process::sys;

/// The Landlock ABI version of this kernel; 0 if Landlock is missing or disabled.
pub(in crate::process) fn abi() -> i32 {
    sys::landlock_abi().unwrap_or(0)
}

/// The layers that Landlock has in version `abi`.
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

/// Device and inode of the file that a granted path led to when the ruleset was made; `None` if
/// there was no file, and for system paths. The ruleset keeps the file alive, so its inode number
/// is not reused while the ruleset exists.
pub(super) type Target = Option<(u64, u64)>;

/// Makes the ruleset of `confinement` for version `abi`, which is not 0. Also returns the target of
/// each grant.
pub(super) fn rules(
    confinement: &Confinement,
    abi: i32,
    opener: &mut Opener,
) -> io::Result<(OwnedFd, Vec<Target>)> {
    let abi = ABI::from(abi);
    let mut ruleset = handled(confinement, abi)
        .and_then(Ruleset::create)
        .map_err(io_error)?;
    let mut targets = Vec::with_capacity(confinement.grants.len());
    for grant in &confinement.grants {
        let file = open_granted(grant, opener)?;
        if let Some(file) = &file {
            ruleset = grant_file(ruleset, file, grant.access, abi)?;
        }
        let replaceable = file.filter(|_| !grant.is_system);
        targets.push(replaceable.map(|file| file.id()));
    }
    let ruleset = grant_ports(ruleset, &confinement.network, abi).map_err(io_error)?;
    let rules = Option::<OwnedFd>::from(ruleset);
    let rules = rules.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSYS))?;
    Ok((rules, targets))
}

/// True if the granted path still leads to `target`.
pub(super) fn is_unchanged(grant: &Grant, target: Target, opener: &mut Opener) -> bool {
    open_granted(grant, opener).is_ok_and(|file| file.map(|file| file.id()) == target)
}

/// Opens a granted path. `None` if it does not exist or this user can't reach it.
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

/// A ruleset that denies everything, unless it is granted.
fn handled(confinement: &Confinement, abi: ABI) -> Result<Ruleset, RulesetError> {
    let mut ruleset = Ruleset::default()
        // The version is known, so anything less than it promises is an error.
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
        .map_err(io_error)
}

fn rights(access: Access, abi: ABI) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // No skill has the capability to create devices, so the right is not granted.
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

/// Extracts the errno of a failed system call from an error of the crate.
pub(in crate::process) fn io_error(error: RulesetError) -> io::Error {
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
