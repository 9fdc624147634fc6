//! Findings about what shuts the readers of untrusted files in.

use std::path::Path;
use std::process::{Command, Stdio};

use cartulary_formats::WorkerPool;

use super::Finding;
use crate::boot;
use crate::configuration::Loaded;

/// Looks at bubblewrap, user namespaces and landlock, and starts a reader to see what is in force.
pub async fn examine(loaded: &Loaded) -> Vec<Finding> {
    let (bubblewrap, namespaces, landlock) = (bubblewrap(), user_namespaces(), landlock());
    vec![bubblewrap, namespaces, landlock, in_force(loaded).await]
}

fn bubblewrap() -> Finding {
    let subject = "bubblewrap";
    let cost = "readers of untrusted files keep landlock and resource limits, but not empty namespaces";
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = std::env::split_paths(&paths).map(|folder| folder.join("bwrap")).find(|path| path.is_file())
    else {
        return Finding::weak(
            subject,
            "not installed",
            format!("{cost}; install it with `apt-get install bubblewrap`"),
        );
    };
    let tried = Command::new(&program)
        .args(["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", "true"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Finding::good(subject, format!("`{}` works", program.display())),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            Finding::weak(subject, format!("installed, but it does not work here: {}", words.trim()), cost)
        }
        Err(error) => Finding::weak(subject, format!("installed, but it does not start: {error}"), cost),
    }
}

fn user_namespaces() -> Finding {
    let subject = "user namespaces";
    let number = |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let most = number("/proc/sys/user/max_user_namespaces").unwrap_or(0);
    let is_allowed = number("/proc/sys/kernel/unprivileged_userns_clone") != Some(0);
    if most > 0 && is_allowed {
        return Finding::good(subject, "allowed");
    }
    Finding::weak(
        subject,
        "not allowed",
        "bubblewrap cannot work; allow them with `sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000`",
    )
}

fn landlock() -> Finding {
    let subject = "landlock";
    let list = Path::new("/sys/kernel/security/lsm");
    match std::fs::read_to_string(list) {
        Ok(modules) if modules.split(',').any(|module| module.trim() == "landlock") => {
            Finding::good(subject, "in this kernel")
        }
        Ok(_) => {
            Finding::weak(subject, "not in this kernel", "without bubblewrap too, readers have resource limits only")
        }
        Err(_) => Finding::good(subject, "not listed here; what a reader really puts on stands below"),
    }
}

/// Starts a reader and asks it.
async fn in_force(loaded: &Loaded) -> Finding {
    let subject = "readers";
    let config = match boot::worker_config(&loaded.configuration) {
        Ok(config) => config,
        Err(error) => return Finding::bad(subject, format!("{error:#}"), "no text can be read from papers"),
    };
    let pool = WorkerPool::new(config);
    let Ok(report) = tokio::task::spawn_blocking(move || pool.containment()).await else {
        return Finding::bad(subject, "a reader does not start", "no text can be read from papers");
    };
    let found = format!("shut in by {}: {}", report.kind, report.detail);
    match report.kind.as_str() {
        "unavailable" => Finding::bad(subject, report.detail, "papers are kept, but no text can be read from them"),
        "rlimits" => {
            Finding::weak(subject, found, "a damaged paper that takes a reader over could read files of this user")
        }
        _ => Finding::good(subject, found),
    }
}
