//! Finds damage in the files of an index without mapping them into memory.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Bytes that are read when an index is opened. What is larger is looked at from its ends only, and checked whole by
/// [`FullTextIndex::verify_files`](crate::FullTextIndex::verify_files).
pub(crate) const OPENING_BUDGET: u64 = 32 << 20;

/// Every file of a segment ends in this: a note in JSON, the note's length, and a number that never changes.
const TRAILER_BYTES: u64 = 8;
const MAGIC: u32 = 1337;
const MAX_NOTE_BYTES: u64 = 50_000;
/// The files that every segment has.
const PARTS: [&str; 6] = ["fast", "fieldnorm", "idx", "pos", "store", "term"];

#[derive(Deserialize)]
struct Note {
    crc: u32,
}

/// Checks the files of all segments, smallest first, until `budget` bytes have been read; of the others the end.
/// Answers what is wrong, or `None`.
pub(crate) fn find_damage(dir: &Path, budget: u64) -> io::Result<Option<String>> {
    let mut files = segment_files(dir)?;
    files.sort();
    let mut left = budget;
    for (size, path) in files {
        let whole = size <= left;
        left = left.saturating_sub(size);
        if let Err(reason) = check_file(&path, size, whole)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(Some(format!("file {name}: {reason}")));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Meta {
    segments: Vec<SegmentMeta>,
}

#[derive(Deserialize)]
struct SegmentMeta {
    segment_id: String,
    deletes: Option<DeletesMeta>,
}

#[derive(Deserialize)]
struct DeletesMeta {
    opstamp: u64,
}

/// The files of the committed segments, with their sizes. What a killed writer left behind is not looked at.
fn segment_files(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let meta: Meta = serde_json::from_slice(&fs::read(dir.join("meta.json"))?)?;
    let mut files = Vec::new();
    for segment in meta.segments {
        let stem = segment.segment_id.replace('-', "");
        for part in PARTS {
            files.push(dir.join(format!("{stem}.{part}")));
        }
        files.extend(segment.deletes.map(|deletes| dir.join(format!("{stem}.{}.del", deletes.opstamp))));
    }
    files.into_iter().map(|path| fs::metadata(&path).map(|metadata| (metadata.len(), path))).collect()
}

/// Checks one file. The inner error is a fault of its content.
fn check_file(path: &Path, size: u64, whole: bool) -> io::Result<Result<(), String>> {
    let mut file = File::open(path)?;
    if size < TRAILER_BYTES {
        return Ok(Err(format!("has only {size} bytes")));
    }
    file.seek(SeekFrom::Start(size - TRAILER_BYTES))?;
    let note_bytes = u64::from(read_number(&mut file)?);
    let magic = read_number(&mut file)?;
    if magic != MAGIC || note_bytes > MAX_NOTE_BYTES || note_bytes + TRAILER_BYTES > size {
        return Ok(Err("has a broken end".to_owned()));
    }
    let body_bytes = size - TRAILER_BYTES - note_bytes;
    file.seek(SeekFrom::Start(body_bytes))?;
    let Ok(note) = serde_json::from_reader::<_, Note>((&mut file).take(note_bytes)) else {
        return Ok(Err("has a broken note at its end".to_owned()));
    };
    if !whole {
        return Ok(Ok(()));
    }
    file.seek(SeekFrom::Start(0))?;
    if checksum(&mut file, body_bytes)? == note.crc { Ok(Ok(())) } else { Ok(Err("fails its checksum".to_owned())) }
}

fn read_number(file: &mut File) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn checksum(file: &mut File, bytes: u64) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut body = file.take(bytes);
    loop {
        let read = body.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
