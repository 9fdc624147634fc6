//! PNG files (PNG third edition, §5 and §11) of pictures in colour.

use super::compressed;
use super::raster::{Dots, Raster};

/// Returns a PNG of the picture.
pub fn png(raster: &Raster) -> Vec<u8> {
    let (colour_type, channels, depth) = match raster.dots {
        Dots::Bilevel => (0, 0, 1),
        Dots::Grey => (0, 1, 8),
        Dots::Colour => (2, 3, 8),
    };
    let width = raster.width as usize;
    let row_bytes = if channels == 0 { width.div_ceil(8) } else { width * channels };
    let mut filtered = Vec::with_capacity(raster.bytes.len() + raster.height as usize);
    for row in raster.bytes.chunks_exact(row_bytes) {
        // Each dot as the difference to the one before it: drawings are made of even areas.
        filtered.push(1);
        let step = channels.max(1);
        filtered.extend(row.iter().take(step));
        filtered.extend(row.iter().skip(step).zip(row).map(|(dot, before)| dot.wrapping_sub(*before)));
    }
    let mut header = Vec::new();
    header.extend_from_slice(&raster.width.to_be_bytes());
    header.extend_from_slice(&raster.height.to_be_bytes());
    header.extend_from_slice(&[depth, colour_type, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"pHYs", &[0, 0, 0x17, 0x12, 0, 0, 0x17, 0x12, 1]);
    chunk(&mut file, b"IDAT", &compressed(&filtered));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(kind);
    sum.update(data);
    file.extend_from_slice(kind);
    file.extend_from_slice(data);
    file.extend_from_slice(&sum.finalize().to_be_bytes());
}
