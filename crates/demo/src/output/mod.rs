//! What pages become: PDF files, dots, and pages that look as if they had been on a scanner.

pub mod pdf;
pub mod png;
pub mod raster;
pub mod scan;

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Returns a zlib stream of `bytes`.
pub fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    // Memory takes all bytes: neither of the two fails.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
