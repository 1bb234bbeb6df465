//! Reads small files of an operator.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// How long a file of a key or a certificate may be, in bytes. 1 MiB: a hundred certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a file of bounded length.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(Error::new(ErrorKind::FileTooLarge, format!("it has more than {FILE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}
