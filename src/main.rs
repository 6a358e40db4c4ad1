//! The `obs` program. All of it is in the library, so that it can be read and tested there.

use std::process::ExitCode;

fn main() -> ExitCode {
    obs::cli::main(std::env::args_os())
}
