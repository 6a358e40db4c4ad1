//! What this machine can enforce.
//!
//! Invariant: it comes from probes only. What a plan needs is compared with it before any step
//! runs.

use std::fmt;
use std::io;

use super::probe::{NO_EFFECT, NOT_REACHED, ProbeResult};
use super::shortage::is_shortage;
use super::{Confinement, Layer, Layers};

/// What this machine can enforce, layer by layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSupport {
    /// The version of Landlock; 0 if there is none.
    pub landlock_abi: u32,
    /// The status of every layer.
    pub layers: Vec<LayerStatus>,
}

/// The status of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerStatus {
    /// The layer.
    pub layer: Layer,
    /// Why it is not enforced, or was not tried; `None` if it is enforced.
    pub missing: Option<String>,
    /// False if the probe could not try it, so that nobody knows.
    pub is_tried: bool,
}

impl LayerStatus {
    /// True if its effect was seen.
    pub fn is_enforced(&self) -> bool {
        self.missing.is_none()
    }
}

impl fmt::Display for LayerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.missing {
            None => write!(f, "{}: enforced", self.layer),
            Some(reason) => write!(f, "{}: {reason}", self.layer),
        }
    }
}

impl SandboxSupport {
    pub(in crate::process) fn from_probe(result: ProbeResult) -> Self {
        let layers = Layer::ALL
            .into_iter()
            .zip(result.errnos)
            .map(|(layer, errno)| LayerStatus {
                layer,
                missing: (errno != 0).then(|| reason(layer, errno, result.abi)),
                is_tried: !is_shortage(errno) && errno != NOT_REACHED,
            })
            .collect();
        Self {
            landlock_abi: result.abi.unsigned_abs(),
            layers,
        }
    }

    /// The layers that are enforced.
    pub fn enforced(&self) -> Layers {
        let enforced: Vec<_> = self
            .layers
            .iter()
            .filter(|status| status.is_enforced())
            .map(|status| status.layer)
            .collect();
        Layers::from_list(&enforced)
    }

    /// Why `confinement` can't be enforced completely: one line for each required layer that this
    /// machine does not enforce. Empty if it can.
    pub fn missing(&self, confinement: &Confinement) -> Vec<String> {
        self.describe(confinement.required().without(self.enforced()))
    }

    /// True if a layer that `confinement` requires could not be tried.
    pub fn is_unknown(&self, confinement: &Confinement) -> bool {
        let required = confinement.required();
        let mut layers = self.layers.iter();
        layers.any(|status| !status.is_tried && required.contains(status.layer))
    }

    fn describe(&self, layers: Layers) -> Vec<String> {
        self.layers
            .iter()
            .filter(|status| layers.contains(status.layer))
            .map(ToString::to_string)
            .collect()
    }
}

fn reason(layer: Layer, errno: i32, abi: i32) -> String {
    let needs = layer.needs();
    match errno {
        NOT_REACHED => "could not be tried: the process that tried it was killed".to_owned(),
        errno if is_shortage(errno) => {
            format!(
                "could not be tried: {}",
                io::Error::from_raw_os_error(errno)
            )
        }
        NO_EFFECT => format!("accepted, without effect; needs {needs}"),
        libc::ENOSYS | libc::EOPNOTSUPP if needs.starts_with("Landlock") && abi > 0 => {
            format!("needs {needs}; this kernel has ABI {abi}")
        }
        libc::ENOSYS | libc::EOPNOTSUPP => format!("needs {needs}; not available on this machine"),
        _ => {
            let error = io::Error::from_raw_os_error(errno);
            format!("needs {needs}; it fails on this machine: {error}")
        }
    }
}
