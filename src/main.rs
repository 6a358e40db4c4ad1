//! The `obs` program.

fn main() {}
