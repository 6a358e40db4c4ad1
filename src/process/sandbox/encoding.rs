//! Encodes a confinement for the supervisor.
//!
//! Invariant: decoding returns what was encoded, or an error. The numbers are used in this file
//! only.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Access, Confinement, Grant, Network};
use crate::process::frame::{FrameDecoder, malformed, put_text, put_u32};

/// Set in the access byte of a system grant.
const IS_SYSTEM: u8 = 0x80;

/// Appends the encoded confinement. The same confinement gives the same bytes, by which a
/// supervisor recognizes it.
pub(in crate::process) fn encode(out: &mut Vec<u8>, confinement: &Confinement) {
    out.push(u8::from(confinement.best_effort));
    match &confinement.network {
        Network::None => out.push(0),
        Network::Full => out.push(1),
        Network::Some { tcp, dns } => {
            out.push(2 + u8::from(*dns));
            put_u32(out, tcp.len());
            for port in tcp {
                out.extend(port.to_le_bytes());
            }
        }
    }
    put_u32(out, confinement.grants.len());
    for grant in &confinement.grants {
        let access = match grant.access {
            Access::Read => 0,
            Access::ReadExec => 1,
            Access::ReadWrite => 2,
            Access::ReadWriteExec => 3,
        };
        out.push(access | if grant.is_system { IS_SYSTEM } else { 0 });
        put_text(out, &[grant.path.as_os_str()]);
    }
}

/// Decodes what [`encode`] has written.
pub(super) fn decode(encoded: &[u8]) -> io::Result<Confinement> {
    let reader = &mut FrameDecoder::from_part(encoded);
    let best_effort = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(malformed()),
    };
    let network = match reader.byte()? {
        0 => Network::None,
        1 => Network::Full,
        kind @ (2 | 3) => Network::Some {
            tcp: (0..reader.u32()?)
                .map(|_| reader.u16())
                .collect::<io::Result<_>>()?,
            dns: kind == 3,
        },
        _ => return Err(malformed()),
    };
    let grants = (0..reader.u32()?)
        .map(|_| decode_grant(reader))
        .collect::<io::Result<_>>()?;
    Ok(Confinement {
        grants,
        network,
        best_effort,
    })
}

fn decode_grant(reader: &mut FrameDecoder<'_>) -> io::Result<Grant> {
    let byte = reader.byte()?;
    let access = match byte & !IS_SYSTEM {
        0 => Access::Read,
        1 => Access::ReadExec,
        2 => Access::ReadWrite,
        3 => Access::ReadWriteExec,
        _ => return Err(malformed()),
    };
    Ok(Grant {
        path: PathBuf::from(OsStr::from_bytes(reader.text()?.to_bytes())),
        access,
        is_system: byte & IS_SYSTEM != 0,
    })
}
