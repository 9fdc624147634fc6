//! Reads the papers back: with the office's own reader in a contained worker, and with `pdftotext` where it is installed.
//!
//! This program is also the worker, so it has no harness.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test without a harness")]

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use cartulary_demo::{SampleFile, longest_paper, sample_files};
use cartulary_formats::{Extraction, ExtractionRequest, TextState, WorkerConfig, WorkerPool, worker};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return worker::run(|| ());
    }
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let files = runtime.block_on(read_back());
    println!("{files} files were read back");
    ExitCode::SUCCESS
}

async fn read_back() -> usize {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let pool = WorkerPool::new(WorkerConfig::new(program, vec!["worker".to_owned()]));
    let mut texts = HashMap::new();
    for (number, file) in sample_files().enumerate() {
        let path = folder.path().join(format!("{number}.bin"));
        std::fs::write(&path, &file.bytes).unwrap();
        let request = ExtractionRequest { source: path.clone(), file_name: file.name.clone(), ..Default::default() };
        let read = pool.extract_request(request).await.unwrap();
        assert!(read.faults.is_empty(), "{} {}: {:?}", file.dossier, file.name, read.faults);
        check_state(&file, &read);
        texts.insert((file.dossier, file.name, file.version), (read, path));
    }
    assert!(texts.len() > 180, "{} files", texts.len());
    let text = |dossier: &str, name: &str, version: usize| -> &(Extraction, std::path::PathBuf) {
        texts.get(&(dossier.to_owned(), name.to_owned(), version)).unwrap_or_else(|| panic!("no {dossier} {name}"))
    };
    let check = |dossier: &str, name: &str, version: usize, sentences: &[&str]| {
        let (read, path) = text(dossier, name, version);
        let own: Vec<&str> = read.pages.iter().map(|page| page.text.as_str()).collect();
        must_hold(&own.join(" "), sentences, &format!("{name} by our reader"));
        if let Some(other) = pdftotext(path) {
            // It moves the spaces around numbers in Arabic lines, in everybody's files: only letters are compared.
            let solid: Vec<String> = sentences.iter().map(|sentence| sentence.replace(' ', "")).collect();
            let solid: Vec<&str> = solid.iter().map(String::as_str).collect();
            must_hold(&other.replace(char::is_whitespace, ""), &solid, &format!("{name} by pdftotext"));
        }
    };
    check(
        "TM-2026-000187",
        "08 Letter of objection.pdf",
        3,
        &["The sign is similar to the earlier mark SAFA", "Yours faithfully", "المكتب الوطني للملكية الصناعية"],
    );
    check(
        "TM-2025-000733",
        "08 خطاب الاعتراض.pdf",
        3,
        &[
            "جرى فحص الطلب من حيث الموضوع",
            "يمكنكم الجواب أو تعديل الطلب قبل",
            "TM/2025/000733",
            "وتفضلوا بقبول فائق الاحترام",
        ],
    );
    check("TM-2025-000871", "10 Certificate.pdf", 1, &["Certificate of registration of a mark", "شهادة تسجيل علامة"]);
    check("PT-2025-000077", "02 الوصف.pdf", 1, &["المجال التقني", "ينساب الماء المالح على الدرجات"]);
    check(
        "TM-2026-000123",
        "07 إشعار بالقبول.pdf",
        1,
        &["السلع أو الخدمات أو الموضوع", "يستحق الرسم وقدره 120.00 قبل"],
    );
    let (annex, _) = text("PT-2026-000012", "06 Annex of test records.pdf", 1);
    check_annex(annex);
    texts.len()
}

/// Scans and pictures have no text; everything else has all of it.
fn check_state(file: &SampleFile, read: &Extraction) {
    let is_scan = ["Power", "توكيل", "Reply", "جواب", "Request", "Notice of opposition"]
        .iter()
        .any(|word| file.name.contains(word));
    let is_silent = is_scan || file.name.ends_with(".png");
    let expected = if is_silent { TextState::None } else { TextState::Complete };
    assert_eq!(read.text_state, expected, "{} {}", file.dossier, file.name);
}

fn check_annex(annex: &Extraction) {
    let (pages, _) = longest_paper(1);
    assert_eq!((pages, annex.page_count), (400, Some(400)));
    for (number, page) in (1..).zip(&annex.pages) {
        let (_, word) = longest_paper(number);
        must_hold(&page.text, &[&word, &format!("PALM-{number:04}"), "وقد أجريت القياسات في"], "the annex");
        let holders = annex.pages.iter().filter(|other| other.text.contains(&format!(" {word}."))).count();
        assert_eq!(holders, 1, "`{word}` stands on {holders} pages");
    }
}

fn must_hold(text: &str, sentences: &[&str], what: &str) {
    let even = |text: &str| {
        let kept: String =
            text.chars().filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')).collect();
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = even(text);
    for sentence in sentences {
        assert!(text.contains(&even(sentence)), "{what} lacks `{sentence}`:\n{text}");
    }
}

fn pdftotext(path: &Path) -> Option<String> {
    let output = Command::new("pdftotext").arg(path).arg("-").output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
