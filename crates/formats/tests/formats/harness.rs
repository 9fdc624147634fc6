//! Pools, files and PDFs for the tests.

use cartulary_formats::{ContainmentChoice, Extraction, ExtractionRequest, FormatsError, WorkerConfig, WorkerPool};
use lopdf::content::{Content, Operation};
use lopdf::{Document, Object, Stream, dictionary};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// The usual limits with the worker of the tests, and one worker, so that one job follows the other.
pub fn config() -> WorkerConfig {
    let mut config = WorkerConfig::new(env!("CARGO_BIN_EXE_cartulary-formats-worker"), Vec::new());
    config.workers = 1;
    config
}

/// Short limits, for what is meant to pass them.
pub fn impatient() -> WorkerConfig {
    let mut config = config();
    config.cpu_seconds_per_page = 1;
    config.wall = Duration::from_secs(3);
    config.memory_bytes = 768 << 20;
    config
}

/// Bubblewrap, if it works here, landlock alone, and limits alone.
pub fn every_containment() -> [ContainmentChoice; 3] {
    [ContainmentChoice::Auto, ContainmentChoice::Landlock, ContainmentChoice::LimitsOnly]
}

/// One pool for all tests that behave.
pub fn shared_pool() -> &'static WorkerPool {
    static POOL: OnceLock<WorkerPool> = OnceLock::new();
    POOL.get_or_init(|| WorkerPool::new(WorkerConfig { workers: 2, ..config() }))
}

/// Reads a file with all choices.
pub fn read_file(pool: &WorkerPool, path: &Path, word_boxes: bool) -> Result<Extraction, FormatsError> {
    let request = ExtractionRequest {
        source: path.to_owned(),
        media_type_hint: None,
        file_name: path.file_name().unwrap().to_string_lossy().into_owned(),
        word_boxes,
        arrange: None,
    };
    block_on(pool.extract_request(request))
}

/// Reads bytes under a name.
pub fn read_bytes(bytes: &[u8], name: &str) -> Extraction {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, bytes).unwrap();
    block_on(shared_pool().extract(path, None, name)).unwrap()
}

/// Asks the tests' worker to misbehave.
pub fn misbehave(pool: &WorkerPool, how: &str) -> Result<Extraction, FormatsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, b"some text\n").unwrap();
    block_on(pool.extract(path, Some("application/x-cartulary-test"), how))
}

/// Runs a future to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The text of all pages.
pub fn all_text(extraction: &Extraction) -> String {
    extraction.pages.iter().map(|page| page.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The codes of all faults.
pub fn codes(extraction: &Extraction) -> Vec<&'static str> {
    extraction.faults.iter().map(|fault| fault.code.as_str()).collect()
}

/// The samples, or a word about their absence.
pub fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let folder = std::env::var_os("CARTULARY_SAMPLES").map_or(beside, PathBuf::from).join("corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no samples at {}", folder.display());
    None
}

/// A PDF whose pages hold the given content, with Helvetica as `F1`.
pub struct PdfBuilder {
    document: Document,
    pages_id: lopdf::ObjectId,
    resources_id: lopdf::ObjectId,
    pages: Vec<Object>,
}

impl PdfBuilder {
    pub fn new() -> Self {
        let mut document = Document::with_version("1.7");
        let pages_id = document.new_object_id();
        let font_id = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
        });
        let resources_id = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font_id } });
        Self { document, pages_id, resources_id, pages: Vec::new() }
    }

    /// Adds a page that shows texts at places (from the lower left corner), in 12 points.
    pub fn page(self, texts: &[(i64, i64, &str)]) -> Self {
        self.turned_page(0, texts)
    }

    /// Adds such a page with a rotation.
    pub fn turned_page(mut self, rotate: i64, texts: &[(i64, i64, &str)]) -> Self {
        let mut operations = Vec::new();
        for (x, y, text) in texts {
            operations.push(Operation::new("BT", vec![]));
            operations.push(Operation::new("Tf", vec!["F1".into(), 12.into()]));
            operations.push(Operation::new("Td", vec![(*x).into(), (*y).into()]));
            operations.push(Operation::new("Tj", vec![Object::string_literal(*text)]));
            operations.push(Operation::new("ET", vec![]));
        }
        let content = Content { operations }.encode().unwrap();
        self.add(rotate, content);
        self
    }

    /// Adds a page with content as it is.
    pub fn raw_page(mut self, content: &[u8]) -> Self {
        self.add(0, content.to_vec());
        self
    }

    fn add(&mut self, rotate: i64, content: Vec<u8>) {
        let content_id = self.document.add_object(Stream::new(dictionary! {}, content));
        let page_id = self.document.add_object(dictionary! {
            "Type" => "Page", "Parent" => self.pages_id, "Contents" => content_id, "Resources" => self.resources_id,
            "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()], "Rotate" => rotate,
        });
        self.pages.push(page_id.into());
    }

    /// The document, to be changed further.
    pub fn document(mut self) -> Document {
        let count = i64::try_from(self.pages.len()).unwrap();
        let pages = dictionary! { "Type" => "Pages", "Kids" => self.pages, "Count" => count };
        self.document.objects.insert(self.pages_id, Object::Dictionary(pages));
        let catalog_id = self.document.add_object(dictionary! { "Type" => "Catalog", "Pages" => self.pages_id });
        self.document.trailer.set("Root", catalog_id);
        let info_id = self.document.add_object(dictionary! {
            "Title" => Object::string_literal("A made-up title"), "Author" => Object::string_literal("The tests"),
        });
        self.document.trailer.set("Info", info_id);
        self.document
    }

    /// The bytes.
    pub fn bytes(self) -> Vec<u8> {
        bytes_of(self.document())
    }
}

/// The bytes of a document.
pub fn bytes_of(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}
