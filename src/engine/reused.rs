//! Results of an earlier run that need not be made again.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::model::InputFiles;

/// The success of a step in an earlier run, which stands for the step in this one.
#[derive(Debug, Clone)]
pub struct Reused {
    /// The run that it is from.
    pub run_id: String,
    /// The output; `None` is JSON null.
    pub output: Option<Arc<RawValue>>,
    /// The files that its manifest read.
    pub input_files: InputFiles,
}
