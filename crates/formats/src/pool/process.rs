//! One worker process: starting it, talking to it, and ending it with everything it started.

use super::{ContainmentReport, WorkerConfig, bubblewrap_for, kind, unavailable};
use crate::containment::{ContainmentChoice, worker_command};
use crate::protocol::{self, Answer, Hello, Job};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a worker may take to become ready.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How often a wait looks whether its caller is still there.
const GLANCE: Duration = Duration::from_millis(200);
/// How much of what a dying worker says is looked at.
const LAST_WORDS: u64 = 8192;

/// Knows how to start workers, once a way has been found that works.
pub struct Starter {
    config: Arc<WorkerConfig>,
    bubblewrap: Option<PathBuf>,
    report: ContainmentReport,
}

impl Starter {
    pub fn new(config: Arc<WorkerConfig>) -> Self {
        Self { config, bubblewrap: None, report: unavailable("no worker has been started yet") }
    }

    pub fn config(&self) -> &WorkerConfig {
        &self.config
    }

    pub fn idle(&self) -> Duration {
        self.config.idle
    }

    pub fn report(&self) -> ContainmentReport {
        self.report.clone()
    }

    /// Takes over what another slot found out.
    pub fn adopt(&mut self, report: &ContainmentReport) {
        self.report = report.clone();
        if report.kind == kind::BUBBLEWRAP {
            self.bubblewrap = bubblewrap_for(self.config.containment);
        }
    }

    /// Tries the ways to start a worker, strongest first; returns the worker that the first good way gave.
    pub fn decide(&mut self) -> Option<Process> {
        let choice = self.config.containment;
        let mut why_weaker = String::new();
        match (bubblewrap_for(choice), choice) {
            (Some(bubblewrap), _) => {
                self.bubblewrap = Some(bubblewrap);
                match self.start() {
                    Ok((process, landlock)) => {
                        let detail =
                            format!("empty namespaces, dropped capabilities, limits; landlock inside: {landlock}");
                        self.report = ContainmentReport { kind: kind::BUBBLEWRAP.to_owned(), detail };
                        return Some(process);
                    }
                    Err(error) => why_weaker = format!("bubblewrap does not work here: {error}"),
                }
                self.bubblewrap = None;
            }
            (None, ContainmentChoice::Auto) => "bubblewrap (bwrap) is not installed".clone_into(&mut why_weaker),
            (None, _) => {}
        }
        if choice == ContainmentChoice::Bubblewrap {
            self.report = unavailable(if why_weaker.is_empty() { "bubblewrap is not installed" } else { &why_weaker });
            return None;
        }
        self.decide_without_bubblewrap(&why_weaker)
    }

    fn decide_without_bubblewrap(&mut self, why_weaker: &str) -> Option<Process> {
        match self.start() {
            Ok((process, landlock)) => {
                let kind = if landlock == "none" { kind::LIMITS } else { kind::LANDLOCK };
                let mut detail = format!("landlock: {landlock}; dropped capabilities, limits");
                if !why_weaker.is_empty() {
                    detail = format!("{detail}; {why_weaker}");
                }
                self.report = ContainmentReport { kind: kind.to_owned(), detail };
                Some(process)
            }
            Err(error) => {
                self.report = unavailable(&format!("no worker can be started: {error}"));
                None
            }
        }
    }

    /// Starts a worker and waits until it has shut itself in; returns it and what landlock enforces.
    pub fn start(&self) -> io::Result<(Process, String)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = worker_command(self.bubblewrap.as_deref(), &self.config.program, &self.config.args);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        drop(command);
        let stderr = child.stderr.take();
        let mut process =
            Process { child, socket: ours, stderr, unread: Vec::new(), jobs: 0, peak_memory_bytes: 0, ended: None };
        let hello = Hello {
            memory_bytes: self.config.memory_bytes,
            cpu_seconds_per_page: self.config.cpu_seconds_per_page,
            landlock: self.config.containment != ContainmentChoice::LimitsOnly,
        };
        protocol::write_message(&process.socket, &hello)?;
        let deadline = Instant::now().checked_add(START_LIMIT);
        match process.next_answer(deadline, 1 << 16, &mut || false) {
            Ok(Answer::Ready { landlock }) => Ok((process, landlock)),
            Ok(_) => Err(io::Error::other("the worker did not greet")),
            Err(Interruption::Lost) => Err(io::Error::other(process.end(Interruption::Lost).describe())),
            Err(Interruption::TimedOut | Interruption::Cancelled) => Err(io::Error::other("the worker did not start")),
        }
    }
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The deadline passed.
    TimedOut,
    /// Nobody waits for the answer any more.
    Cancelled,
    /// The worker closed its end, or sent what is no answer.
    Lost,
}

/// How a worker ended.
#[derive(Clone, Debug)]
pub struct End {
    status: Option<ExitStatus>,
    last_words: String,
}

impl End {
    /// The signal that ended the worker; bubblewrap hands it on as 128 plus its number.
    pub fn signal(&self) -> Option<i32> {
        let status = self.status?;
        status.signal().or_else(|| status.code().filter(|code| *code > 128).map(|code| code.wrapping_sub(128)))
    }

    /// Whether the allocator gave up.
    pub fn out_of_memory(&self) -> bool {
        self.last_words.contains("memory allocation of")
    }

    /// Whether the kernel ended it for its processor time.
    pub fn out_of_cpu(&self) -> bool {
        self.signal() == Some(libc::SIGXCPU)
    }

    /// In words.
    pub fn describe(&self) -> String {
        let how = match (self.signal(), self.status.and_then(|status| status.code())) {
            (Some(signal), _) => format!("by signal {signal}"),
            (None, Some(code)) => format!("with exit code {code}"),
            (None, None) => "in an unknown way".to_owned(),
        };
        if self.last_words.contains("stack overflow") || self.last_words.contains("overflowed its stack") {
            return format!("{how}, its stack overflowed");
        }
        match self.last_words.lines().next() {
            Some(line) if !line.trim().is_empty() => {
                format!("{how}, saying: {}", line.chars().take(160).collect::<String>())
            }
            _ => how,
        }
    }
}

/// A running worker.
pub struct Process {
    child: Child,
    socket: UnixStream,
    stderr: Option<ChildStderr>,
    unread: Vec<u8>,
    /// Files it has read.
    pub jobs: u32,
    /// Its peak memory, as it reported.
    pub peak_memory_bytes: u64,
    ended: Option<End>,
}

impl Process {
    /// Hands over a job with its file.
    pub fn send(&mut self, job: &Job, file: &File) -> io::Result<()> {
        self.jobs = self.jobs.saturating_add(1);
        protocol::write_message_with_file(&self.socket, job, file)
    }

    /// Waits for the next answer of at most `limit` bytes.
    pub fn next_answer(
        &mut self,
        deadline: Option<Instant>,
        limit: usize,
        cancelled: &mut dyn FnMut() -> bool,
    ) -> Result<Answer, Interruption> {
        let mut chunk = vec![0_u8; 64 << 10];
        loop {
            if let Some(answer) = self.take_answer(limit)? {
                return Ok(answer);
            }
            let left = deadline.map_or(GLANCE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(Interruption::TimedOut);
            }
            if cancelled() {
                return Err(Interruption::Cancelled);
            }
            let _ = self.socket.set_read_timeout(Some(left.min(GLANCE)));
            match (&self.socket).read(&mut chunk) {
                Ok(0) => return Err(Interruption::Lost),
                Ok(read) => self.unread.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) if is_pause(&error) => {}
                Err(_) => return Err(Interruption::Lost),
            }
        }
    }

    fn take_answer(&mut self, limit: usize) -> Result<Option<Answer>, Interruption> {
        let Some((length, rest)) = self.unread.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > limit {
            return Err(Interruption::Lost);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let answer = serde_json::from_slice(body).map_err(|_| Interruption::Lost)?;
        self.unread.drain(..length.saturating_add(4));
        Ok(Some(answer))
    }

    /// Ends the worker with its whole group and says how it ended, by itself or by this.
    pub fn end(&mut self, interruption: Interruption) -> End {
        if let Some(end) = &self.ended {
            return end.clone();
        }
        let status = self.wait_a_moment(interruption);
        self.kill();
        let status = status.or_else(|| self.child.wait().ok());
        let mut last_words = Vec::new();
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.take(LAST_WORDS).read_to_end(&mut last_words);
        }
        let end = End { status, last_words: String::from_utf8_lossy(&last_words).into_owned() };
        self.ended = Some(end.clone());
        end
    }

    /// A worker that closed its end is about to die of its own cause, which is worth knowing: gives it a moment.
    fn wait_a_moment(&mut self, interruption: Interruption) -> Option<ExitStatus> {
        let glances = if interruption == Interruption::Lost { 100 } else { 0 };
        for _ in 0..glances {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// Ends the worker at once.
    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
