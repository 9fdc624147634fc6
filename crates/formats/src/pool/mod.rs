//! The pool of warm workers: jobs in, extractions out, whatever happens to a worker.
//!
//! Each slot is a plain thread that owns at most one worker process. A thread of its own is needed because the kernel ends a
//! process "with its parent" when the *thread* that started it ends, and the threads of an async runtime come and go.

mod job;
mod process;
mod queue;

use crate::containment::{self, ContainmentChoice, ContainmentReport};
use crate::error::FormatsError;
use crate::extraction::Extraction;
use process::{Process, Starter};
use queue::{Queue, Task};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How workers are started and what they may use.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The program to start: this program itself, or a test's own.
    pub program: PathBuf,
    /// Its arguments; for the office `["worker"]`.
    pub args: Vec<String>,
    /// How many workers may run at once; at least 1.
    pub workers: usize,
    /// Limit of a worker's address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time for one page, in seconds.
    pub cpu_seconds_per_page: u64,
    /// Wall time for one file.
    pub wall: Duration,
    /// How much text is kept of one file, in bytes.
    pub output_bytes: u64,
    /// A worker is replaced after so many files.
    pub jobs_per_worker: u32,
    /// A worker is replaced once it has used so much memory, in bytes.
    pub recycle_above_bytes: u64,
    /// A worker without work is ended after this time.
    pub idle: Duration,
    /// Which containment to use.
    pub containment: ContainmentChoice,
}

impl WorkerConfig {
    /// The usual limits: 2 workers, 2 GiB, 60 s of processor a page, 10 minutes a file, 64 MiB of text.
    pub fn new(program: impl Into<PathBuf>, args: Vec<String>) -> Self {
        Self {
            program: program.into(),
            args,
            workers: 2,
            memory_bytes: 2 << 30,
            cpu_seconds_per_page: 60,
            wall: Duration::from_secs(600),
            output_bytes: 64 << 20,
            jobs_per_worker: 500,
            recycle_above_bytes: 512 << 20,
            idle: Duration::from_secs(60),
            containment: ContainmentChoice::Auto,
        }
    }
}

/// One file to read.
#[derive(Clone, Debug, Default)]
pub struct ExtractionRequest {
    /// A file that this process can open.
    pub source: PathBuf,
    /// The media type that the sender believes in, used where the content decides nothing.
    pub media_type_hint: Option<String>,
    /// The name of the document's file; its ending is compared with the content.
    pub file_name: String,
    /// Whether words with boxes are wanted in the pages.
    pub word_boxes: bool,
    /// Pages to put together, instead of reading text.
    pub arrange: Option<ArrangeRequest>,
}

/// Pages of PDF files to put together into a new one. The files lie behind each other in the file of the request.
#[derive(Clone, Debug)]
pub struct ArrangeRequest {
    /// Where each file begins, and how many bytes it has.
    pub sources: Vec<(u64, u64)>,
    /// Of each page: the file from 0, the page in it from 1, and by how many degrees it is turned clockwise.
    pub pages: Vec<(u32, u32, u16)>,
    /// Takes the bytes of the new file as they come; none come when the answer has faults.
    pub output: tokio::sync::mpsc::Sender<bytes::Bytes>,
}

/// What a pool has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolReport {
    /// Files that were handed to a worker.
    pub jobs: u64,
    /// Worker processes that were started.
    pub started: u64,
    /// Workers that died or had to be ended while they read a file.
    pub lost: u64,
    /// The largest peak of a worker's memory that was reported, in bytes.
    pub peak_memory_bytes: u64,
}

/// A pool of contained worker processes. Cloning is cheap; the last clone that goes ends the workers.
#[derive(Clone)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Queue>,
    containment: Arc<Decided>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    jobs: AtomicU64,
    started: AtomicU64,
    lost: AtomicU64,
    peak_memory_bytes: AtomicU64,
}

/// The containment that was found to work, once it is known.
#[derive(Default)]
struct Decided {
    report: Mutex<Option<ContainmentReport>>,
    changed: Condvar,
}

impl WorkerPool {
    /// Starts the pool. The first worker is started at once, to learn which containment works; the others when they are needed.
    pub fn new(config: WorkerConfig) -> Self {
        let queue = Arc::new(Queue::default());
        let decided = Arc::new(Decided::default());
        let counts = Arc::new(Counts::default());
        let workers = config.workers.max(1);
        let config = Arc::new(config);
        for slot in 0..workers {
            let starter = Starter::new(Arc::clone(&config));
            let (queue, decided, counts) = (Arc::clone(&queue), Arc::clone(&decided), Arc::clone(&counts));
            let started = std::thread::Builder::new()
                .name(format!("formats-{slot}"))
                .spawn(move || run_slot(slot, starter, &queue, &decided, &counts));
            if let Err(error) = started {
                tracing::error!(error = %error, "cannot start a thread for workers");
            }
        }
        Self { shared: Arc::new(Shared { queue, containment: decided, counts }) }
    }

    /// Reads one file: media type by content, pages with text, metadata, faults.
    ///
    /// Dropping the future ends the reading.
    ///
    /// # Errors
    /// See [`FormatsError`]. A file that is damaged, encrypted or of an unknown format is no error: its faults are in the answer.
    pub async fn extract(
        &self,
        source: PathBuf,
        media_type_hint: Option<&str>,
        file_name: &str,
    ) -> Result<Extraction, FormatsError> {
        let media_type_hint = media_type_hint.map(str::to_owned);
        let file_name = file_name.to_owned();
        self.extract_request(ExtractionRequest { source, media_type_hint, file_name, ..ExtractionRequest::default() })
            .await
    }

    /// Reads one file as [`WorkerPool::extract`] does, with all choices.
    ///
    /// # Errors
    /// As [`WorkerPool::extract`].
    pub async fn extract_request(&self, request: ExtractionRequest) -> Result<Extraction, FormatsError> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Task { request, reply });
        answer.await.unwrap_or_else(|_| Err(FormatsError::Unavailable { reason: "the pool is closing".to_owned() }))
    }

    /// Puts pages of PDF files together into a new file, whose bytes go to the request's output. Text, fonts and images of
    /// the pages are kept as they are; what else the files have (bookmarks, forms, scripts, attachments) is left out.
    ///
    /// # Errors
    /// See [`FormatsError`]. Files that cannot be read are no error: the faults of the answer say why there is no new file.
    pub async fn arrange(&self, source: PathBuf, request: ArrangeRequest) -> Result<Extraction, FormatsError> {
        self.extract_request(ExtractionRequest { source, arrange: Some(request), ..ExtractionRequest::default() }).await
    }

    /// Returns which containment is in force. Waits for the first worker, at most five seconds, when that is not known yet.
    pub fn containment(&self) -> ContainmentReport {
        let known = self.shared.containment.report.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.containment.changed.wait_timeout_while(known, Duration::from_secs(5), |r| r.is_none());
        let (known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        known.clone().unwrap_or_else(|| unavailable("no worker has answered yet"))
    }

    /// Returns what the pool has done so far.
    pub fn report(&self) -> PoolReport {
        let counts = &self.shared.counts;
        PoolReport {
            jobs: counts.jobs.load(Ordering::Relaxed),
            started: counts.started.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
            peak_memory_bytes: counts.peak_memory_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// One slot: takes tasks as long as there are any and keeps its worker warm between them.
fn run_slot(slot: usize, mut starter: Starter, queue: &Queue, decided: &Decided, counts: &Counts) {
    let mut warm: Option<Process> = None;
    if slot == 0 {
        warm = starter.decide();
        if warm.is_some() {
            counts.started.fetch_add(1, Ordering::Relaxed);
        }
        *decided.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(starter.report());
        decided.changed.notify_all();
    } else {
        let known = decided.report.lock().unwrap_or_else(PoisonError::into_inner);
        let known = decided.changed.wait_while(known, |report| report.is_none());
        let known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = known.as_ref() {
            starter.adopt(report);
        }
    }
    loop {
        match queue.take(starter.idle()) {
            queue::Taken::Task(task) => {
                counts.jobs.fetch_add(1, Ordering::Relaxed);
                if !task.reply.is_closed() {
                    let answer = job::run(&task, &mut starter, &mut warm, counts);
                    let _ = task.reply.send(answer);
                }
            }
            queue::Taken::Idle => warm = None,
            queue::Taken::Closed => return,
        }
    }
}

fn unavailable(detail: &str) -> ContainmentReport {
    ContainmentReport { kind: "unavailable".to_owned(), detail: detail.to_owned() }
}

/// The kinds of containment by their names in reports.
pub(crate) mod kind {
    pub(crate) const BUBBLEWRAP: &str = "bubblewrap";
    pub(crate) const LANDLOCK: &str = "landlock+rlimits";
    pub(crate) const LIMITS: &str = "rlimits";
}

/// Finds out where bubblewrap is, if the choice allows it.
fn bubblewrap_for(choice: ContainmentChoice) -> Option<PathBuf> {
    match choice {
        ContainmentChoice::Auto | ContainmentChoice::Bubblewrap => containment::find_bubblewrap(),
        ContainmentChoice::Landlock | ContainmentChoice::LimitsOnly => None,
    }
}
