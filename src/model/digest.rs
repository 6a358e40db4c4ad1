//! SHA-256, as text.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes` in lowercase hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The SHA-256 of what is left to read of `file`.
pub(crate) fn digest_of(file: &mut impl io::Read) -> io::Result<[u8; 32]> {
    let mut content = Sha256::new();
    io::copy(file, &mut HashWriter(&mut content))?;
    Ok(content.finalize().into())
}

struct HashWriter<'h>(&'h mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
