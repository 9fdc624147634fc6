//! The real program: started on a data folder, killed, and started again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot start the program must fail, in words"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::client::Client;

/// The administrator's password in these tests.
pub const PASSWORD: &str = "correct horse battery staple";
/// A start takes no longer, in a debug build on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How often something is looked at again.
const AGAIN: Duration = Duration::from_millis(15);

/// Returns where the program lies: `CARTULARY_BIN`, else what cargo built last.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CARTULARY_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test lies somewhere");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps/test");
    folder.join("cartulary")
}

/// Says why the program cannot be tested here, when it cannot.
pub fn absent() -> Option<String> {
    let path = binary();
    let reason = format!("no program at {}: cargo build -p cartulary-server", path.display());
    (!path.is_file()).then_some(reason)
}

/// Says that a test is not run, and why.
pub fn skip(what: &str, why: &str) {
    eprintln!("SKIPPED: {what}: {why}");
}

/// Returns the command with a clean environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARTULARY_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").args(arguments).stdin(Stdio::null());
    command
}

/// What a command said.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Returns standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or(serde_json::Value::Null)
    }
}

/// Runs a command to its end; one that does not end in time is killed, and the test fails.
pub fn run(mut command: Command, at_most: Duration) -> Finished {
    let (mut out, mut err) = (temporary_file(), temporary_file());
    command.stdout(Stdio::from(out.try_clone().expect("a file"))).stderr(Stdio::from(err.try_clone().expect("a file")));
    let shown = format!("{command:?}");
    let mut child = Reaped(command.spawn().expect("the program starts"));
    let status = wait(&mut child.0, at_most);
    let (stdout, stderr) = (text_of(&mut out), text_of(&mut err));
    let Some(status) = status else {
        panic!("{shown} does not end in {at_most:?}\n{stdout}\n{stderr}");
    };
    Finished { code: status.code(), stdout, stderr }
}

/// Runs `verify --json` on a data folder.
pub fn verify(data: &Path) -> Finished {
    let mut command = command(&["verify", "--json", "--data"]);
    command.arg(data);
    run(command, Duration::from_secs(120))
}

/// Runs `verify --json` and fails unless everything agrees.
pub fn verify_clean(data: &Path, when: &str) {
    let verified = verify(data);
    assert_eq!(verified.code, Some(0), "{when}: {}\n{}", verified.stdout, verified.stderr);
    assert_eq!(verified.json()["clean"], true, "{when}: {}", verified.stdout);
}

/// Runs `import --json` on a data folder that no office has open.
pub fn import(data: &Path, papers: &Path) -> Command {
    let mut command = command(&["import", "--json", "--data"]);
    command.arg(data).arg(papers);
    command
}

/// Waits for a process; none when it does not end in time.
pub fn wait(child: &mut Child, at_most: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + at_most;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(AGAIN);
    }
}

/// Waits until something is so; fails in words when it does not become so in time.
pub fn until<T>(what: &str, at_most: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + at_most;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "in {at_most:?} it did not come to pass that {what}");
        std::thread::sleep(AGAIN);
    }
}

/// A process that does not outlive the test.
#[derive(Debug)]
pub struct Reaped(pub Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How an office is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The data folder.
    pub data: PathBuf,
    /// Where it answers.
    pub listen: String,
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// Whether its log goes to a disk that is full, where no line of it can be written.
    pub loses_log: bool,
}

impl Setup {
    /// Returns the usual: on a free port of this machine.
    pub fn on(data: &Path) -> Self {
        let environment = vec![("CARTULARY_STORE_RESERVE_BYTES".to_owned(), "1048576".to_owned())];
        Self {
            data: data.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            arguments: Vec::new(),
            environment,
            loses_log: false,
        }
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the command that starts the office.
    pub fn command(&self) -> Command {
        let mut command = command(&["serve", "--listen", &self.listen, "--data"]);
        command.arg(&self.data).args(&self.arguments);
        command.env("CARTULARY_ADMIN_PASSWORD", PASSWORD).env("CARTULARY_LOG_LEVEL", "warn");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the office and waits until it can work.
    pub fn start(self) -> Program {
        let program = self.open();
        until("the office is ready", START, || {
            let answer = Client::new(program.address).get("/health/ready").ok()?;
            (answer.status == 200).then_some(())
        });
        program
    }

    /// Starts the office and waits until it says where it answers.
    pub fn open(self) -> Program {
        match self.try_open() {
            Ok(program) => program,
            Err(said) => panic!("the office does not open:\n{said}"),
        }
    }

    /// Starts the office.
    ///
    /// # Errors
    /// What it said instead of its address.
    pub fn try_open(self) -> Result<Program, String> {
        let mut log = temporary_file();
        let mut command = self.command();
        let kept = if self.loses_log { File::create("/dev/full") } else { log.try_clone() };
        command.stdout(Stdio::piped()).stderr(Stdio::from(kept.expect("a file")));
        let mut child = Reaped(command.spawn().expect("the program starts"));
        let stdout = child.0.stdout.take().expect("a pipe");
        let (said, heard) = mpsc::channel();
        // Reads on until the program ends, so that it never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let url = line.split_whitespace().find(|word| word.starts_with("http"));
                if let Some(url) = url.filter(|_| line.contains("Address")) {
                    let _ = said.send(url.to_owned());
                }
            }
        });
        let Ok(url) = heard.recv_timeout(START) else {
            drop(child);
            return Err(text_of(&mut log));
        };
        let host = url.split("://").nth(1).unwrap_or_default().to_owned();
        // Only of offices on loopback is the address asked for; others are reached by name from elsewhere.
        let address = host.to_socket_addrs().ok().and_then(|mut found| found.next());
        let address = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 1)));
        Ok(Program { setup: self, url, address, child, log })
    }
}

/// A running office.
#[derive(Debug)]
pub struct Program {
    setup: Setup,
    /// Where it answers, as people see it.
    pub url: String,
    /// Where it answers.
    pub address: SocketAddr,
    child: Reaped,
    log: File,
}

impl Program {
    /// Returns its process.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Returns a client that is signed in as administrator.
    pub fn client(&self) -> Client {
        Client::new(self.address).signed_in("admin", PASSWORD)
    }

    /// Kills it without warning, and returns how it was started, with the port that it had.
    pub fn kill(mut self) -> Setup {
        let _ = self.child.0.kill();
        let _ = self.child.0.wait();
        Setup { listen: self.address.to_string(), ..self.setup.clone() }
    }

    /// Asks it to end, and returns how it was started; fails when it does not end well.
    pub fn stop(mut self) -> Setup {
        let pid = rustix::process::Pid::from_child(&self.child.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let status = wait(&mut self.child.0, Duration::from_secs(60));
        assert!(status.is_some_and(|status| status.success()), "it ends with {status:?}:\n{}", self.log());
        self.setup.clone()
    }

    /// Returns what it logged.
    pub fn log(&mut self) -> String {
        text_of(&mut self.log)
    }

    /// Returns a figure of `/proc/PID/status`, in bytes.
    pub fn memory(&self, figure: &str) -> u64 {
        memory_of(self.pid(), figure).unwrap_or(0)
    }
}

/// Returns a figure of `/proc/PID/status`, in bytes.
pub fn memory_of(pid: u32, figure: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Returns the processes below a process.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut waiting = vec![pid];
    while let Some(parent) = waiting.pop() {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for thread in threads.flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|child| child.parse::<u32>().ok());
            for child in children {
                found.push(child);
                waiting.push(child);
            }
        }
    }
    found
}

/// Written at its end only, so that reading it does not disturb a process that writes to it.
fn temporary_file() -> File {
    tempfile::Builder::new().append(true).tempfile().expect("a file").into_file()
}

fn text_of(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind();
    let _ = file.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The end says most.
    let surplus = text.chars().count().saturating_sub(200_000);
    text.chars().skip(surplus).collect()
}
