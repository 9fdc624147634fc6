//! Processes: started, watched by what the kernel counts of them, and ended.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The kernel counts processor time in hundredths of a second (`USER_HZ`) on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long a server may take to end.
const END_PATIENCE: Duration = Duration::from_secs(40);

/// A process that ends with this value.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub output: String,
    /// *Units*: seconds by the clock.
    pub seconds: f64,
    /// *Units*: seconds of processor time, its children's included.
    pub cpu_seconds: f64,
    /// The most memory that it had resident, by `VmHWM`. *Units*: bytes.
    pub peak_bytes: u64,
}

impl Running {
    /// Starts a server; what it says goes to a file.
    pub fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        Ok(Self { child: child.with_context(|| format!("`{name}` does not start"))? })
    }

    /// Returns the process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while !self.has_ended() {
            if asked.elapsed() > END_PATIENCE {
                bail!("process {} does not end when it is asked to", self.id());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() && self.stop().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs a command to its end. One at a time: its processor time is read from what this process's children took.
pub fn run(command: &mut Command, log: &Path) -> anyhow::Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cpu_before = own_children_cpu()?;
    let log = File::create(log)?;
    let begin = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
    let child = child.with_context(|| format!("`{name}` does not start"))?;
    let (id, is_over, peak) = (child.id(), AtomicBool::new(false), AtomicU64::new(0));
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if let Ok(bytes) = peak_bytes(id) {
                    peak.fetch_max(bytes, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let output = child.wait_with_output();
        is_over.store(true, Ordering::Relaxed);
        output
    })?;
    Ok(Finished {
        status: output.status,
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: own_children_cpu()? - cpu_before,
        peak_bytes: peak.into_inner(),
    })
}

/// Returns the processor seconds of a process and all below it, those that ended included.
pub fn tree_cpu(root: u32) -> anyhow::Result<f64> {
    Ok(tree(root)?.iter().map(|stat| stat.ticks()).sum::<f64>() / TICKS_PER_SECOND)
}

/// Returns the processor seconds of a process alone, all its threads.
pub fn own_cpu(id: u32) -> anyhow::Result<f64> {
    let stat = Stat::of(id)?;
    Ok((stat.user + stat.system) / TICKS_PER_SECOND)
}

/// Returns how many bytes a process alone has given to the system to be written, to files and to connections.
pub fn bytes_written(id: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/io"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).context("no `wchar`")?;
    Ok(line.trim().parse()?)
}

/// Returns the proportional share of memory of a process and all below it. *Units*: bytes.
pub fn tree_pss(root: u32) -> anyhow::Result<u64> {
    Ok(tree(root)?.iter().map(|stat| own_pss(stat.id)).sum())
}

/// Returns the proportional share of memory of a process alone; 0 when it has ended. *Units*: bytes.
pub fn own_pss(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"));
    text.ok().and_then(|text| kilobytes(&text, "Pss:")).unwrap_or_default() * 1024
}

/// Returns the most memory that a process had resident. *Units*: bytes.
pub fn peak_bytes(id: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    Ok(kilobytes(&text, "VmHWM:").context("no VmHWM")? * 1024)
}

fn own_children_cpu() -> anyhow::Result<f64> {
    let stat = Stat::of(std::process::id())?;
    Ok((stat.children_user + stat.children_system) / TICKS_PER_SECOND)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[derive(Debug, Clone)]
struct Stat {
    id: u32,
    parent: u32,
    user: f64,
    system: f64,
    children_user: f64,
    children_system: f64,
}

impl Stat {
    fn of(id: u32) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let after = text.rsplit_once(')').map(|(_, after)| after).context("odd /proc/PID/stat")?;
        // The first field after the name is the third of proc(5).
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field =
            |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        let parent = fields.get(1).and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(Self {
            id,
            parent,
            user: field(14),
            system: field(15),
            children_user: field(16),
            children_system: field(17),
        })
    }

    fn ticks(&self) -> f64 {
        self.user + self.system + self.children_user + self.children_system
    }
}

fn tree(root: u32) -> anyhow::Result<Vec<Stat>> {
    let mut below: HashMap<u32, Vec<Stat>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since the folder was read.
        if let Ok(stat) = Stat::of(id) {
            below.entry(stat.parent).or_default().push(stat);
        }
    }
    let mut found = vec![Stat::of(root)?];
    let mut next = 0;
    while let Some(stat) = found.get(next) {
        let children = below.remove(&stat.id).unwrap_or_default();
        found.extend(children);
        next += 1;
    }
    Ok(found)
}
