//! Encoding and decoding of the parts of frames.
//!
//! Invariant: decoding returns what was encoded, or an error. Numbers are little endian, and texts
//! end in the NUL that `execve` needs.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::limits::{LimitBreach, Limits, ResourceKind};
use crate::model::LeakedProcesses;

/// The size of length and kind.
pub(super) const HEADER: usize = 5;

pub(super) fn frame(kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, kind];
    body(&mut out);
    let length = u32::try_from(out.len() - HEADER).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

pub(super) fn put_u32(out: &mut Vec<u8>, number: usize) {
    // Longer lists don't fit into a frame, whose length is checked.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    out.extend(number.to_le_bytes());
}

pub(super) fn put_i32(out: &mut Vec<u8>, number: i32) {
    out.extend(number.to_le_bytes());
}

/// Appends the bytes that `part` writes, with their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, part: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put_u32(out, 0);
    part(out);
    let length = u32::try_from(out.len() - at - size_of::<u32>()).unwrap_or(u32::MAX);
    out[at..at + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
}

/// Appends one text, made of parts.
pub(super) fn put_text(out: &mut Vec<u8>, parts: &[&OsStr]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(0);
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed frame")
}

/// Decodes the body of a frame.
pub(super) struct FrameDecoder<'a> {
    pub(super) kind: u8,
    rest: &'a [u8],
}

impl<'a> FrameDecoder<'a> {
    pub(super) fn new(frame: &'a [u8]) -> io::Result<Self> {
        let kind = *frame.get(HEADER - 1).ok_or_else(malformed)?;
        Ok(Self {
            kind,
            rest: &frame[HEADER..],
        })
    }

    /// Decodes bytes that [`FrameDecoder::bytes`] returned.
    pub(super) fn from_part(part: &'a [u8]) -> Self {
        Self {
            kind: 0,
            rest: part,
        }
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> io::Result<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> io::Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        self.take().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> io::Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> io::Result<&'a CStr> {
        let text = CStr::from_bytes_until_nul(self.rest).map_err(|_| malformed())?;
        self.rest = &self.rest[text.to_bytes_with_nul().len()..];
        Ok(text)
    }

    pub(super) fn bytes(&mut self) -> io::Result<&'a [u8]> {
        let length = usize::try_from(self.u32()?).map_err(|_| malformed())?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn texts(&mut self) -> io::Result<Vec<&'a CStr>> {
        (0..self.u32()?).map(|_| self.text()).collect()
    }
}

/// Encodes the absence of a limit.
const UNLIMITED: u64 = u64::MAX;

pub(super) fn put_limits(out: &mut Vec<u8>, limits: &Limits) {
    let cpu = limits.cpu.map(micros);
    let Limits {
        memory,
        processes,
        file_size,
        disk,
        ..
    } = *limits;
    for limit in [memory, cpu, processes, file_size, disk] {
        out.extend(limit.unwrap_or(UNLIMITED).to_le_bytes());
    }
}

pub(super) fn take_limits(reader: &mut FrameDecoder<'_>) -> io::Result<Limits> {
    let mut limit = || Ok::<_, io::Error>(Some(reader.u64()?).filter(|limit| *limit != UNLIMITED));
    Ok(Limits {
        memory: limit()?,
        cpu: limit()?.map(Duration::from_micros),
        processes: limit()?,
        file_size: limit()?,
        disk: limit()?,
    })
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The limits, numbered from 1 in a frame.
const LIMITS: [ResourceKind; 7] = [
    ResourceKind::Memory,
    ResourceKind::Cpu,
    ResourceKind::Processes,
    ResourceKind::Threads,
    ResourceKind::FileSize,
    ResourceKind::Disk,
    ResourceKind::DirectoryDepth,
];

pub(super) fn put_breach(out: &mut Vec<u8>, breach: Option<LimitBreach>) {
    let number = breach.and_then(|breach| (1..).zip(LIMITS).find(|(_, it)| *it == breach.limit));
    out.push(number.map_or(0, |(number, _)| number));
    if let Some(breach) = breach {
        out.extend(breach.allowed.to_le_bytes());
        out.extend(breach.measured.to_le_bytes());
    }
}

pub(super) fn put_leaked(out: &mut Vec<u8>, leaked: &LeakedProcesses) {
    out.extend(leaked.count.to_le_bytes());
    put_u32(out, leaked.names.len());
    for name in &leaked.names {
        // A name from the kernel has no NUL.
        put_text(out, &[OsStr::new(name)]);
    }
}

pub(super) fn take_leaked(reader: &mut FrameDecoder<'_>) -> io::Result<LeakedProcesses> {
    let count = reader.u32()?;
    let names = reader.texts()?.into_iter();
    let names = names.map(|name| name.to_string_lossy().into_owned());
    Ok(LeakedProcesses {
        count,
        names: names.collect(),
    })
}

pub(super) fn take_breach(reader: &mut FrameDecoder<'_>) -> io::Result<Option<LimitBreach>> {
    let number = reader.byte()?;
    if number == 0 {
        return Ok(None);
    }
    let limit = LIMITS.get(usize::from(number) - 1).ok_or_else(malformed)?;
    Ok(Some(LimitBreach {
        limit: *limit,
        allowed: reader.u64()?,
        measured: reader.u64()?,
    }))
}
