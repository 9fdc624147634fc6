//! How a worker is shut in: what the office starts, and what the worker puts on before it reads its first job.
//!
//! Three layers. Outside, where user namespaces work, bubblewrap gives the worker empty namespaces: no network, no other
//! processes, no files but the libraries it is linked with. Inside, the worker takes all rights to files and network from itself
//! with landlock, drops its capabilities, and sets resource limits. Around both, the pool ends the process group at a wall limit.

use crate::protocol::Hello;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit, Signal};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which containment to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainmentChoice {
    /// Bubblewrap where it works, else landlock, else limits alone.
    #[default]
    Auto,
    /// Bubblewrap or nothing.
    Bubblewrap,
    /// Landlock and limits, without bubblewrap.
    Landlock,
    /// Limits alone.
    LimitsOnly,
}

/// Which containment is in force, for the health page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainmentReport {
    /// `bubblewrap`, `landlock+rlimits`, `rlimits`, or `unavailable` when no worker can be started.
    pub kind: String,
    /// One sentence about it: what is enforced, or why a stronger one is not.
    pub detail: String,
}

/// Finds bubblewrap on this process's search path.
pub fn find_bubblewrap() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("bwrap")).find(|candidate| candidate.is_file())
}

/// Builds the command that starts a worker: inside bubblewrap when its path is given, else bare.
pub fn worker_command(bubblewrap: Option<&Path>, program: &Path, args: &[String]) -> Command {
    let Some(bubblewrap) = bubblewrap else {
        let mut command = Command::new(program);
        command.args(args).env_clear();
        return command;
    };
    let mut command = Command::new(bubblewrap);
    command.args(["--unshare-all", "--die-with-parent", "--clearenv", "--cap-drop", "ALL", "--chdir", "/"]);
    for library in ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache"] {
        command.args(["--ro-bind-try", library, library]);
    }
    let program = program.as_os_str();
    command.args([OsString::from("--ro-bind").as_os_str(), program, program]);
    command.arg("--").arg(program).args(args).env_clear();
    command
}

/// Puts all limits on this process and its future threads; says how much of landlock is enforced.
///
/// Must run before another thread exists, because landlock and capabilities belong to threads. What a kernel does not offer is
/// left out: the office shows what is in force.
pub fn shut_in(hello: &Hello) -> String {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::thread::set_no_new_privs(true);
    let _ = rustix::thread::set_capabilities(
        None,
        rustix::thread::CapabilitySets {
            effective: rustix::thread::CapabilitySet::empty(),
            permitted: rustix::thread::CapabilitySet::empty(),
            inheritable: rustix::thread::CapabilitySet::empty(),
        },
    );
    limit(Resource::As, hello.memory_bytes);
    limit(Resource::Core, 0);
    limit(Resource::Fsize, 0);
    limit(Resource::Nofile, 32);
    let landlock = if hello.landlock { take_all_rights() } else { "none" };
    landlock.to_owned()
}

/// Forbids new processes and threads, once the one that reads files exists.
pub fn forbid_processes() {
    limit(Resource::Nproc, 0);
}

/// Allows this process so many more seconds of processor time; past them the kernel ends it.
pub fn renew_cpu_budget(seconds: u64) {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let current = u64::try_from(used).unwrap_or(0).saturating_add(seconds).saturating_add(1);
    let maximum = rustix::process::getrlimit(Resource::Cpu).maximum;
    let _ = rustix::process::setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum });
}

fn limit(resource: Resource, value: u64) {
    let wanted = Rlimit { current: Some(value), maximum: Some(value) };
    if rustix::process::setrlimit(resource, wanted).is_err() {
        // The hard limit may already be lower; then at least the soft one is set as far as it goes.
        let maximum = rustix::process::getrlimit(resource).maximum;
        let current = Some(maximum.map_or(value, |most| most.min(value)));
        let _ = rustix::process::setrlimit(resource, Rlimit { current, maximum });
    }
}

fn take_all_rights() -> &'static str {
    let abi = ABI::V6;
    let enforced = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match enforced.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => "full",
        Ok(RulesetStatus::PartiallyEnforced) => "partial",
        _ => "none",
    }
}
