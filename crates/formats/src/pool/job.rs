//! One file from request to answer: pages are collected as they come, and a page that kills its worker is stepped over.

use super::process::{End, Interruption, Process, Starter};
use super::queue::Task;
use super::{Counts, WorkerConfig};
use crate::error::FormatsError;
use crate::extraction::{Extraction, Fault, FaultCode, Page, TextState};
use crate::protocol::{Answer, Arrange, Job};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// So many workers may be lost to one file before the rest of it is given up.
const MOST_LOSSES: u32 = 4;
/// More faults than this are not kept.
const MOST_FAULTS: usize = 200;

/// Reads one file, with as many workers as it takes, within its limits.
pub fn run(
    task: &Task,
    starter: &mut Starter,
    warm: &mut Option<Process>,
    counts: &Counts,
) -> Result<Extraction, FormatsError> {
    let config = starter.config().clone();
    let file = File::open(&task.request.source).map_err(|source| FormatsError::Unreadable { source })?;
    let size_bytes = file.metadata().map_err(|source| FormatsError::Unreadable { source })?.len();
    let mut collected = Collected::default();
    let deadline = Instant::now().checked_add(config.wall);
    loop {
        let process = ready_worker(starter, warm, counts)?;
        let job = Job {
            media_type_hint: task.request.media_type_hint.clone(),
            file_name: task.request.file_name.clone(),
            word_boxes: task.request.word_boxes,
            first_page: collected.next_page(),
            output_bytes: config.output_bytes.saturating_sub(collected.text_bytes),
            arrange: task
                .request
                .arrange
                .as_ref()
                .map(|request| Arrange { sources: request.sources.clone(), pages: request.pages.clone() }),
        };
        let interruption = match process.send(&job, &file) {
            Ok(()) => read_answers(process, task, &config, deadline, &mut collected),
            Err(_) => Some(Interruption::Lost),
        };
        counts.peak_memory_bytes.fetch_max(process.peak_memory_bytes, Ordering::Relaxed);
        let Some(interruption) = interruption else {
            recycle(warm, &config);
            return Ok(collected.finish());
        };
        let end = process.end(interruption);
        *warm = None;
        counts.lost.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(how = %end.describe(), page = collected.next_page(), size_bytes, "a worker was lost");
        let out_of_time = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let loss = Loss { interruption, end, out_of_time };
        // A file that was put together in part is none.
        if !collected.head_known || task.request.arrange.is_some() {
            return Err(loss.into_error(&config));
        }
        if !collected.step_over(&loss) {
            return Ok(collected.finish());
        }
    }
}

/// A lost worker and the circumstances.
struct Loss {
    interruption: Interruption,
    end: End,
    out_of_time: bool,
}

impl Loss {
    fn into_error(self, config: &WorkerConfig) -> FormatsError {
        if self.interruption == Interruption::Cancelled {
            return FormatsError::Unavailable { reason: "nobody waits for the answer".to_owned() };
        }
        if self.end.out_of_memory() {
            return FormatsError::MemoryExceeded { limit_bytes: config.memory_bytes };
        }
        if self.end.out_of_cpu() {
            return FormatsError::TimedOut { after: Duration::from_secs(config.cpu_seconds_per_page) };
        }
        if self.interruption == Interruption::TimedOut {
            let after = if self.out_of_time { config.wall } else { silence_limit(config) };
            return FormatsError::TimedOut { after };
        }
        FormatsError::Crashed { how: self.end.describe() }
    }

    fn page_fault(&self, page_number: u32) -> Fault {
        if self.end.out_of_memory() {
            return Fault::of_page(
                FaultCode::MemoryExceeded,
                "the page needs more memory than it may have",
                page_number,
            );
        }
        if self.end.out_of_cpu() || self.interruption == Interruption::TimedOut {
            return Fault::of_page(FaultCode::PageTimedOut, "the page took longer than it may", page_number);
        }
        let detail = format!("the worker ended {} on this page", self.end.describe());
        Fault::of_page(FaultCode::WorkerCrashed, detail, page_number)
    }
}

/// What has come so far.
#[derive(Default)]
struct Collected {
    extraction: Extraction,
    head_known: bool,
    last_page: u32,
    text_bytes: u64,
    losses: u32,
    cut: bool,
}

impl Collected {
    fn next_page(&self) -> u32 {
        self.last_page.saturating_add(1)
    }

    fn add_fault(&mut self, fault: Fault) {
        if self.extraction.faults.len() < MOST_FAULTS && !self.extraction.faults.contains(&fault) {
            self.extraction.faults.push(fault);
        }
    }

    fn add_page(&mut self, page: Page) {
        self.last_page = page.page_number;
        self.text_bytes = self.text_bytes.saturating_add(u64::try_from(page.text.len()).unwrap_or(u64::MAX));
        self.extraction.pages.push(page);
    }

    /// Records the page that cost a worker; says whether it makes sense to go on behind it.
    fn step_over(&mut self, loss: &Loss) -> bool {
        let page_number = self.next_page();
        let within = self.extraction.page_count.is_some_and(|count| page_number <= count);
        self.cut = true;
        self.losses = self.losses.saturating_add(1);
        if within {
            self.add_fault(loss.page_fault(page_number));
            self.add_page(Page { page_number, ..Page::default() });
        } else {
            self.add_fault(Fault::of_file(
                FaultCode::WorkerCrashed,
                format!("the worker ended {}", loss.end.describe()),
            ));
        }
        if loss.out_of_time {
            self.add_fault(Fault::of_file(
                FaultCode::TimedOut,
                "the file took longer than it may; the rest is not read",
            ));
        }
        let more = self.extraction.page_count.is_some_and(|count| self.last_page < count);
        within && more && !loss.out_of_time && self.losses < MOST_LOSSES && loss.interruption != Interruption::Cancelled
    }

    fn finish(mut self) -> Extraction {
        let losing = |fault: &Fault| {
            matches!(
                fault.code,
                FaultCode::TooManyPages
                    | FaultCode::PageFailed
                    | FaultCode::PageTimedOut
                    | FaultCode::PageTooDense
                    | FaultCode::TextTruncated
                    | FaultCode::TextUnmapped
                    | FaultCode::TimedOut
                    | FaultCode::MemoryExceeded
                    | FaultCode::WorkerCrashed
            )
        };
        let has_text = self.extraction.pages.iter().any(|page| !page.text.is_empty());
        let lost = self.cut || self.extraction.faults.iter().any(losing);
        self.extraction.text_state = match (has_text, lost) {
            (false, _) => TextState::None,
            (true, true) => TextState::Partial,
            (true, false) => TextState::Complete,
        };
        self.extraction
    }
}

fn ready_worker<'a>(
    starter: &Starter,
    warm: &'a mut Option<Process>,
    counts: &Counts,
) -> Result<&'a mut Process, FormatsError> {
    let process = match warm.take() {
        Some(process) => process,
        None => {
            let started = starter.start().map_err(|error| FormatsError::Unavailable { reason: error.to_string() })?;
            counts.started.fetch_add(1, Ordering::Relaxed);
            started.0
        }
    };
    Ok(warm.insert(process))
}

fn recycle(warm: &mut Option<Process>, config: &WorkerConfig) {
    let worn = warm.as_ref().is_some_and(|process| {
        process.jobs >= config.jobs_per_worker || process.peak_memory_bytes > config.recycle_above_bytes
    });
    if worn {
        *warm = None;
    }
}

/// Longer than a page's processor time: a worker that is silent for so long waits for something that never comes.
fn silence_limit(config: &WorkerConfig) -> Duration {
    Duration::from_secs(config.cpu_seconds_per_page.saturating_mul(2).saturating_add(15))
}

/// Collects answers until the job is done (`None`) or something comes between.
fn read_answers(
    process: &mut Process,
    task: &Task,
    config: &WorkerConfig,
    deadline: Option<Instant>,
    collected: &mut Collected,
) -> Option<Interruption> {
    let room = usize::try_from(config.output_bytes).unwrap_or(usize::MAX);
    let frame_limit = room.saturating_mul(2).saturating_add(32 << 20);
    loop {
        let silent = Instant::now().checked_add(silence_limit(config));
        let until = match (deadline, silent) {
            (Some(deadline), Some(silent)) => Some(deadline.min(silent)),
            (one, other) => one.or(other),
        };
        let answer = match process.next_answer(until, frame_limit, &mut || task.reply.is_closed()) {
            Ok(answer) => answer,
            Err(interruption) => return Some(interruption),
        };
        match answer {
            Answer::Head(head) => {
                collected.head_known = true;
                let extraction = &mut collected.extraction;
                extraction.media_type = head.media_type;
                extraction.charset = head.charset;
                extraction.page_count = head.page_count;
                extraction.metadata = head.metadata;
                extraction.format_read = head.format_read;
            }
            Answer::Page(page) => {
                let in_order = page.page_number > collected.last_page;
                let fits = collected.text_bytes.saturating_add(page.text.len() as u64) <= config.output_bytes;
                if !in_order || !fits {
                    return Some(Interruption::Lost);
                }
                collected.add_page(page);
            }
            Answer::Bytes(text) => {
                let output = task.request.arrange.as_ref().map(|request| &request.output);
                let (Some(output), Ok(bytes)) = (output, STANDARD.decode(text)) else {
                    return Some(Interruption::Lost);
                };
                if output.blocking_send(bytes.into()).is_err() {
                    return Some(Interruption::Cancelled);
                }
            }
            Answer::Fault(fault) => collected.add_fault(fault),
            Answer::Done { peak_memory_bytes } => {
                process.peak_memory_bytes = peak_memory_bytes;
                return None;
            }
            Answer::Ready { .. } => return Some(Interruption::Lost),
        }
    }
}
