//! The protocol between obs and a supervisor.
//!
//! Invariant: a frame is four bytes of length, one byte of kind, and a body; numbers are little
//! endian. Texts end in the NUL that `execve` needs, so the supervisor passes pointers into the
//! frame and copies nothing: its memory is a lower bound of every skill's reported peak. The
//! descriptors of a `StartFrame` come with its first byte. Both ends are this program, so a
//! malformed frame is an error.

use std::ffi::{CStr, OsStr};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::frame::{
    FrameDecoder, HEADER, frame, malformed, micros, put_breach, put_bytes, put_i32, put_leaked,
    put_limits, put_text, put_u32, take_breach, take_leaked, take_limits,
};
use super::limits::{LimitBreach, Limits};
use super::sandbox::{Applied, Confinement, Layer, Layers, ProbeResult, encode};
use super::spec::{ProcessSpec, StartStage};
use super::tree_usage::TreeUsage;
use crate::model::LeakedProcesses;

/// The maximum length of a frame. `execve` accepts at most 6 MiB, and 2 MiB by default.
const MAX_FRAME: usize = 8 * 1024 * 1024;

/// The most descriptors one message carries.
const MAX_FDS: usize = 4;

const READ_SIZE: usize = 16 * 1024;

/// Descriptors in flight are counted per user, and compared with the sender's limit of open files.
/// If that limit is low and other processes send too, sending succeeds again when they have
/// arrived.
pub(super) const FD_LIMIT_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const FD_LIMIT_PAUSE: Duration = Duration::from_millis(1);

/// A command from obs without further data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandFrame {
    /// SIGTERM to the whole tree.
    Terminate,
    /// SIGKILL to the whole tree until nothing is left.
    Kill,
    /// SIGSTOP to the whole tree; acknowledged.
    Stop,
    /// SIGCONT to the whole tree; acknowledged.
    Continue,
}

const KIND_START: u8 = 1;
const KIND_PROBE: u8 = 6;
const KIND_PREPARE: u8 = 7;

impl CommandFrame {
    const ALL: [Self; 4] = [Self::Terminate, Self::Kill, Self::Stop, Self::Continue];

    fn kind(self) -> u8 {
        match self {
            Self::Terminate => 2,
            Self::Kill => 3,
            Self::Stop => 4,
            Self::Continue => 5,
        }
    }

    pub(super) fn encode(self) -> Vec<u8> {
        frame(self.kind(), |_| {})
    }
}

/// A decoded frame from obs.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is read right away"
)]
pub(super) enum Request<'a> {
    Start(StartFrame<'a>),
    Command(CommandFrame),
    /// Find out what this machine can enforce.
    Probe,
    /// Prepare the sandbox for this encoded confinement: a step that needs it comes soon.
    Prepare(&'a [u8]),
}

pub(super) struct StartFrame<'a> {
    /// Standard input is among the descriptors; otherwise it is empty.
    pub(super) with_stdin: bool,
    pub(super) program: &'a CStr,
    pub(super) target: &'a CStr,
    pub(super) cwd: &'a CStr,
    pub(super) argv: Vec<&'a CStr>,
    pub(super) env: Vec<&'a CStr>,
    /// The encoded confinement; `None` if nothing is confined.
    pub(super) encoded: Option<&'a [u8]>,
    pub(super) limits: Limits,
    /// The directories that the disk limit applies to.
    pub(super) directories: Vec<&'a CStr>,
}

impl<'a> Request<'a> {
    pub(super) fn decode(frame: &'a [u8]) -> io::Result<Self> {
        let mut reader = FrameDecoder::new(frame)?;
        if reader.kind == KIND_PROBE {
            return Ok(Self::Probe);
        }
        if reader.kind == KIND_PREPARE {
            return Ok(Self::Prepare(reader.bytes()?));
        }
        if reader.kind != KIND_START {
            let command = CommandFrame::ALL
                .into_iter()
                .find(|command| command.kind() == reader.kind)
                .ok_or_else(malformed)?;
            return Ok(Self::Command(command));
        }
        Ok(Self::Start(StartFrame {
            with_stdin: reader.byte()? != 0,
            program: reader.text()?,
            target: reader.text()?,
            cwd: reader.text()?,
            argv: reader.texts()?,
            env: reader.texts()?,
            encoded: Some(reader.bytes()?).filter(|encoded| !encoded.is_empty()),
            limits: take_limits(&mut reader)?,
            directories: reader.texts()?,
        }))
    }
}

pub(super) fn encode_start(spec: &ProcessSpec) -> io::Result<Vec<u8>> {
    let frame = frame(KIND_START, |out| {
        out.push(u8::from(spec.stdin.is_some()));
        put_text(out, &[spec.program.as_os_str()]);
        put_text(out, &[spec.target.as_os_str()]);
        put_text(out, &[spec.cwd.as_os_str()]);
        put_u32(out, spec.argv.len());
        for argument in &spec.argv {
            put_text(out, &[argument]);
        }
        put_u32(out, spec.env.len());
        for (name, value) in &spec.env {
            put_text(out, &[name, OsStr::new("="), value]);
        }
        put_bytes(out, |out| {
            if let Some(confinement) = &spec.confinement {
                encode(out, confinement);
            }
        });
        put_limits(out, &spec.limits);
        put_u32(out, spec.written.len());
        for directory in &spec.written {
            put_text(out, &[directory.as_os_str()]);
        }
    });
    check_texts(spec)?;
    if frame.len() > MAX_FRAME {
        return Err(io::Error::from_raw_os_error(libc::E2BIG));
    }
    Ok(frame)
}

pub(super) fn encode_probe() -> Vec<u8> {
    frame(KIND_PROBE, |_| {})
}

pub(super) fn encode_prepare(confinement: &Confinement) -> Vec<u8> {
    frame(KIND_PREPARE, |out| {
        put_bytes(out, |out| encode(out, confinement));
    })
}

/// Rejects texts with a NUL, which would silently cut them.
fn check_texts(spec: &ProcessSpec) -> io::Result<()> {
    let environment = spec.env.iter().flat_map(|(name, value)| [name, value]);
    let grants = spec
        .confinement
        .iter()
        .flat_map(|confinement| &confinement.grants);
    let paths = [&spec.program, &spec.target, &spec.cwd].into_iter();
    let paths = paths
        .chain(grants.map(|grant| &grant.path))
        .chain(&spec.written);
    let mut texts = paths
        .map(|path| path.as_os_str())
        .chain(spec.argv.iter().chain(environment).map(AsRef::as_ref));
    if texts.any(|text| text.as_bytes().contains(&0)) {
        let message = "an argument, a variable or a path contains a NUL byte";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SupervisorReport {
    /// The program is being executed.
    Started { pid: i32, applied: Applied },
    /// The program could not be started; the supervisor is idle again.
    StartFailed { stage: StartStage, errno: i32 },
    /// The leader ended, with this raw wait status.
    LeaderExited {
        status: i32,
        /// A stop request arrived before the leader's end.
        stopped: bool,
        tree_empty: bool,
    },
    /// No process of the tree is left; the supervisor is idle again.
    TreeEnded {
        usage: TreeUsage,
        /// The limit that the tree was ended for.
        breach: Option<LimitBreach>,
        /// The time from the detection of the breach to the end of the tree; zero without one.
        breach_to_end: Duration,
        /// The processes that outlived the leader and were ended by a stop request.
        leaked: LeakedProcesses,
    },
    /// The result of a probe.
    Probed(ProbeResult),
    /// A `Stop` or `Continue` was carried out.
    Acknowledged,
}

impl SupervisorReport {
    /// True if the supervisor is idle again.
    pub(super) fn is_last(&self) -> bool {
        matches!(
            self,
            Self::TreeEnded { .. } | Self::StartFailed { .. } | Self::Probed(_)
        )
    }

    /// Appends the encoded report.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let frame = match *self {
            Self::Started { pid, applied } => frame(1, |out| {
                put_i32(out, pid);
                out.extend(applied.enforced.to_bits().to_le_bytes());
                out.extend(applied.missing.to_bits().to_le_bytes());
            }),
            Self::StartFailed { stage, errno } => frame(2, |out| {
                out.push(stage.to_wire());
                put_i32(out, errno);
            }),
            Self::LeaderExited {
                status,
                stopped,
                tree_empty,
            } => frame(3, |out| {
                put_i32(out, status);
                out.push(u8::from(stopped));
                out.push(u8::from(tree_empty));
            }),
            Self::TreeEnded {
                usage,
                breach,
                breach_to_end,
                ref leaked,
            } => frame(4, |out| {
                out.extend(micros(usage.cpu).to_le_bytes());
                out.extend(usage.peak_memory_bytes.to_le_bytes());
                out.extend(micros(breach_to_end).to_le_bytes());
                put_breach(out, breach);
                put_leaked(out, leaked);
            }),
            Self::Probed(result) => frame(6, |out| {
                put_i32(out, result.abi);
                for errno in result.errnos {
                    put_i32(out, errno);
                }
            }),
            Self::Acknowledged => frame(5, |_| {}),
        };
        out.extend(frame);
    }

    pub(super) fn decode(frame: &[u8]) -> io::Result<Self> {
        let mut reader = FrameDecoder::new(frame)?;
        Ok(match reader.kind {
            1 => Self::Started {
                pid: reader.i32()?,
                applied: Applied {
                    enforced: Layers::from_bits(reader.u16()?),
                    missing: Layers::from_bits(reader.u16()?),
                },
            },
            2 => Self::StartFailed {
                stage: StartStage::from_wire(reader.byte()?).ok_or_else(malformed)?,
                errno: reader.i32()?,
            },
            3 => Self::LeaderExited {
                status: reader.i32()?,
                stopped: reader.byte()? != 0,
                tree_empty: reader.byte()? != 0,
            },
            4 => Self::TreeEnded {
                usage: TreeUsage {
                    cpu: Duration::from_micros(reader.u64()?),
                    peak_memory_bytes: reader.u64()?,
                },
                breach_to_end: Duration::from_micros(reader.u64()?),
                breach: take_breach(&mut reader)?,
                leaked: take_leaked(&mut reader)?,
            },
            6 => {
                let abi = reader.i32()?;
                let mut errnos = [0; Layer::ALL.len()];
                for errno in &mut errnos {
                    *errno = reader.i32()?;
                }
                Self::Probed(ProbeResult { abi, errnos })
            }
            5 => Self::Acknowledged,
            _ => return Err(malformed()),
        })
    }
}

/// Received bytes and descriptors that were not consumed yet.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    bytes: Vec<u8>,
    fds: std::collections::VecDeque<OwnedFd>,
}

impl FrameReader {
    /// Reads once. Returns false at the end of the stream.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut chunk = [0_u8; READ_SIZE];
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(
                socket,
                &mut [IoSliceMut::new(&mut chunk)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        self.bytes.extend_from_slice(&chunk[..received.bytes]);
        Ok(received.bytes > 0)
    }

    /// The next whole frame.
    pub(super) fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.bytes.first_chunk() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| malformed())?;
        let length = length.saturating_add(HEADER);
        if length > MAX_FRAME {
            return Err(malformed());
        }
        if self.bytes.len() < length {
            // Doubling the capacity would make the supervisor larger than the frame needs.
            self.bytes
                .reserve_exact(length - self.bytes.len() + READ_SIZE);
            return Ok(None);
        }
        let rest = self.bytes.split_off(length);
        Ok(Some(std::mem::replace(&mut self.bytes, rest)))
    }

    /// The oldest descriptor that arrived.
    pub(super) fn next_fd(&mut self) -> io::Result<OwnedFd> {
        self.fds.pop_front().ok_or_else(malformed)
    }
}

/// Sends as much of `bytes` as fits, with `fds` on its first byte.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(malformed());
    }
    let slices = [IoSlice::new(bytes)];
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(
            &socket,
            &slices,
            &mut ancillary,
            // The other end may be gone, which must be an error and not a SIGPIPE.
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(sent)
}

/// True if too many descriptors are in flight to send more now.
pub(super) fn is_fd_limit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ETOOMANYREFS)
}
