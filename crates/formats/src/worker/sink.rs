//! Where readers put what they find: each page goes to the office as soon as it is done, within the job's limits.

use crate::containment;
use crate::extraction::{Fault, FaultCode, Page};
use crate::protocol::{self, Answer, Head, Job};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::os::unix::net::UnixStream;

/// More faults than this are counted, not listed.
const MOST_FAULTS: usize = 100;
/// More words than this on one page are not answered.
const MOST_WORDS: usize = 100_000;

/// Whether a reader shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Flow {
    /// There is room for more.
    Continue,
    /// A limit is reached or nobody listens: stop.
    Stop,
}

/// Takes what a reader finds, in order: head first, then pages, faults anywhere.
pub(crate) trait Sink {
    /// Says what is known before the pages.
    fn head(&mut self, head: Head);
    /// Takes one page; its number is larger than that of the page before.
    fn page(&mut self, page: Page) -> Flow;
    /// Takes some bytes of a file that was put together.
    fn bytes(&mut self, bytes: &[u8]) -> Flow;
    /// Takes a fault.
    fn fault(&mut self, fault: Fault);
    /// Says which page comes first: those before it are already known to the office.
    fn first_page(&self) -> u32;
    /// Whether words with boxes are wanted.
    fn wants_words(&self) -> bool;
}

/// A sink that writes to the office.
pub(crate) struct SocketSink<'a> {
    socket: &'a UnixStream,
    cpu_seconds_per_page: u64,
    first_page: u32,
    word_boxes: bool,
    text_room: usize,
    faults: usize,
    failure: Option<io::Error>,
}

impl<'a> SocketSink<'a> {
    /// A sink for one job.
    pub(crate) fn new(socket: &'a UnixStream, job: &Job, cpu_seconds_per_page: u64) -> Self {
        Self {
            socket,
            cpu_seconds_per_page,
            first_page: job.first_page.max(1),
            word_boxes: job.word_boxes,
            text_room: usize::try_from(job.output_bytes).unwrap_or(usize::MAX),
            faults: 0,
            failure: None,
        }
    }

    /// Ends the job; an error means that the office is gone.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.failure.map_or(Ok(()), Err)
    }

    fn send(&mut self, answer: &Answer) {
        if self.failure.is_none() {
            self.failure = protocol::write_message(self.socket, answer).err();
        }
    }
}

impl Sink for SocketSink<'_> {
    fn head(&mut self, head: Head) {
        self.send(&Answer::Head(head));
    }

    fn page(&mut self, mut page: Page) -> Flow {
        containment::renew_cpu_budget(self.cpu_seconds_per_page);
        page.words.truncate(MOST_WORDS);
        let number = page.page_number;
        let fits = page.text.len() <= self.text_room;
        if !fits {
            let cut = page.text.floor_char_boundary(self.text_room);
            page.text.truncate(cut);
            page.words.clear();
        }
        self.text_room = self.text_room.saturating_sub(page.text.len());
        self.send(&Answer::Page(page));
        if !fits {
            self.fault(Fault::of_page(FaultCode::TextTruncated, "the text is longer than is kept", number));
            return Flow::Stop;
        }
        if self.failure.is_some() { Flow::Stop } else { Flow::Continue }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Flow {
        containment::renew_cpu_budget(self.cpu_seconds_per_page);
        self.send(&Answer::Bytes(STANDARD.encode(bytes)));
        if self.failure.is_some() { Flow::Stop } else { Flow::Continue }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults = self.faults.saturating_add(1);
        if self.faults < MOST_FAULTS {
            self.send(&Answer::Fault(fault));
        } else if self.faults == MOST_FAULTS {
            self.send(&Answer::Fault(Fault::of_file(FaultCode::MoreFaults, "there are more faults than are listed")));
        }
    }

    fn first_page(&self) -> u32 {
        self.first_page
    }

    fn wants_words(&self) -> bool {
        self.word_boxes
    }
}
