//! The real and the hostile papers.

use crate::harness::{all_text, config, read_file, samples, shared_pool};
use cartulary_formats::{Extraction, WorkerConfig, WorkerPool};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn output(program: &str, args: &[&std::ffi::OsStr]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether printer's marks outside the area that is shown are among what pdftotext finds.
fn is_cropped(path: &Path) -> bool {
    let boxes = output(
        "pdfinfo",
        &["-box".as_ref(), "-f".as_ref(), "1".as_ref(), "-l".as_ref(), "9".as_ref(), path.as_os_str()],
    );
    let boxes = boxes.unwrap_or_default();
    let area = |name: &str| {
        let lines = boxes.lines().filter_map(|line| Some(line.split_once(name)?.1.trim().to_owned()));
        lines.collect::<Vec<_>>()
    };
    area("MediaBox:") != area("CropBox:")
}

/// Words with their counts, without what is no letter or digit.
fn words(text: &str) -> HashMap<String, usize> {
    use unicode_normalization::UnicodeNormalization;
    // A word parted at the end of a line counts as one: pdftotext joins it, we keep the hyphen and the line.
    let joined = text.replace("-\n", "").replace("\u{ad}\n", "").replace("\u{2010}\n", "");
    let plain: String = joined.nfkc().collect::<String>().to_lowercase();
    let mut words = HashMap::new();
    for word in plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *words.entry(word.to_owned()).or_insert(0) += 1;
    }
    words
}

fn found(expected: &HashMap<String, usize>, read: &HashMap<String, usize>) -> (usize, usize) {
    let hits = expected.iter().map(|(word, count)| (*count).min(read.get(word).copied().unwrap_or(0))).sum();
    (hits, expected.values().sum())
}

#[test]
fn good_pdfs_against_poppler() {
    let Some(corpus) = samples() else { return };
    if output("pdftotext", &["-v".as_ref()]).is_none() {
        println!("SKIPPED: pdftotext is not installed");
        return;
    }
    let mut papers: Vec<PathBuf> = ["good", "scans"].iter().flat_map(|folder| files(&corpus.join(folder))).collect();
    papers.retain(|path| path.extension().is_some_and(|ending| ending == "pdf"));
    let (mut all_hits, mut all_words, mut all_back, mut all_ours) = (0, 0, 0, 0);
    for path in papers {
        let read = read_file(shared_pool(), &path, false).unwrap();
        let info = output("pdfinfo", &[path.as_os_str()]).unwrap_or_default();
        let pages =
            info.lines().find_map(|line| line.strip_prefix("Pages:")).and_then(|count| count.trim().parse().ok());
        assert_eq!(read.page_count, pages, "{}", path.display());
        let theirs = output("pdftotext", &[path.as_os_str(), "-".as_ref()]).unwrap_or_default();
        let (hits, expected) = found(&words(&theirs), &words(&all_text(&read)));
        let (back, ours) = found(&words(&all_text(&read)), &words(&theirs));
        if hits < expected || back < ours {
            println!(
                "{}: {hits} of pdftotext's {expected} words, {} of our own {ours} not in it",
                path.display(),
                ours - back
            );
        }
        // Where shapes have no Unicode value pdftotext invents some; where it reverses Arabic there is nothing to compare.
        let unknown = read.faults.iter().any(|fault| fault.code.as_str() == "text_unmapped");
        if unknown || theirs.contains('\u{4d00}') {
            println!("{}: not counted", path.display());
            continue;
        }
        if !is_cropped(&path) {
            all_hits += hits;
            all_words += expected;
        }
        all_back += back;
        all_ours += ours;
    }
    println!("of pdftotext's {all_words} words {all_hits} were found; of our own {all_ours} words it found {all_back}");
    assert!(all_hits * 1000 >= all_words * 995, "{all_hits} of {all_words}");
    assert!(all_back * 1000 >= all_ours * 995, "{all_back} of {all_ours}");
}

#[test]
fn arabic_that_every_tool_scrambles() {
    let Some(corpus) = samples() else { return };
    let read = read_file(shared_pool(), &corpus.join("arabic-print.pdf"), false).unwrap();
    let text = all_text(&read);
    for line in [
        "تقرير الفحص الشكلي",
        "يشترط إيداع طلب التسجيل لدى المكتب خلال ستة أشهر من تاريخ الأولوية. رقم الطلب PT/2026/100000",
        "بتاريخ 12/03/2026.",
        "مقدم الطلب: شركة الواحة للأغذية، ويمثلها الوكيل المعتمد.",
    ] {
        assert!(text.lines().any(|read| read == line), "{line} is not in:\n{text}");
    }
    let read = read_file(shared_pool(), &corpus.join("good/habibi-rotated.pdf"), false).unwrap();
    assert_eq!(read.pages.len(), 4);
    for page in &read.pages {
        assert!(page.text.contains("حَبيبي") && page.text.contains("habibi"), "{}", page.text);
    }
}

#[test]
fn every_hostile_file_is_answered_within_its_limits() {
    let Some(corpus) = samples() else { return };
    let limits = WorkerConfig { cpu_seconds_per_page: 10, wall: Duration::from_secs(60), ..config() };
    let wall = limits.wall;
    let pool = WorkerPool::new(limits);
    let mut codes: HashMap<String, u32> = HashMap::new();
    let hostile = files(&corpus.join("hostile"));
    for path in &hostile {
        let begun = Instant::now();
        let read = read_file(&pool, path, true);
        assert!(begun.elapsed() < wall + Duration::from_secs(5), "{}", path.display());
        if begun.elapsed() > Duration::from_secs(1) {
            println!("{}: {} ms", path.display(), begun.elapsed().as_millis());
        }
        match read {
            Ok(read) => {
                sound(path, &read);
                read.faults.iter().for_each(|fault| *codes.entry(fault.code.to_string()).or_default() += 1);
            }
            Err(error) => {
                println!("{}: {error}", path.display());
                *codes.entry(error.as_fault().code.to_string()).or_default() += 1;
            }
        }
        let next = read_file(&pool, &corpus.join("good/trivial.pdf"), false).unwrap();
        assert_eq!(next.page_count, Some(1), "after {}", path.display());
    }
    let report = pool.report();
    println!("{} hostile files: {report:?}, faults {codes:?}", hostile.len());
    assert!(report.peak_memory_bytes < 2 << 30);
}

/// What must hold of every answer.
fn sound(path: &Path, read: &Extraction) {
    let path = path.display();
    let numbers: Vec<u32> = read.pages.iter().map(|page| page.page_number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{path}: {numbers:?}");
    for page in &read.pages {
        assert!(!page.text.contains('\0') && !page.text.contains('\u{202b}'), "{path}");
        for side in [page.width_pt, page.height_pt].into_iter().flatten() {
            assert!(side.is_finite() && (1.0..=1_000_000.0).contains(&side), "{path}: {side}");
        }
        for word in &page.words {
            assert!(
                [word.x0, word.y0, word.x1, word.y1].iter().all(|edge| (0.0..=1.0).contains(edge)),
                "{path}: {word:?}"
            );
        }
    }
}

#[test]
fn every_other_sample_is_answered() {
    let Some(corpus) = samples() else { return };
    for path in files(&corpus.join("good")).into_iter().chain(files(&corpus.join("scans"))) {
        let read = read_file(shared_pool(), &path, true).unwrap();
        sound(&path, &read);
        assert_ne!(read.media_type, "application/octet-stream", "{}", path.display());
        let lied = read.faults.iter().any(|fault| fault.code.as_str() == "name_disagrees");
        assert!(!lied, "{} is {}", path.display(), read.media_type);
    }
}
