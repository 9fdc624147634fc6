//! Small places of a machine, made for a test and taken away after it, also when it fails: file systems of a fixed size,
//! and network namespaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file system in memory of a fixed size.
#[derive(Debug)]
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one.
    ///
    /// # Errors
    /// Why that is not possible here.
    pub fn mount(megabytes: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let options = format!("size={megabytes}m,mode=0700");
        said(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "cartulary-test"]).arg(folder.path()))?;
        Ok(Self { folder })
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns how many bytes are free.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(self.path())?;
        Ok(figures.f_bavail * figures.f_frsize)
    }

    /// Fills it with a file until so many bytes are free.
    ///
    /// # Errors
    /// Other than a full disk.
    pub fn fill_up_to(&self, free_bytes: u64) -> io::Result<Filler> {
        let path = self.path().join("filler");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        let zeros = vec![0; 4096];
        while self.free_bytes()? > free_bytes {
            match io::Write::write(&mut file, &zeros) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Filler(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmount = |flag: &[&str]| said(Command::new("umount").args(flag).arg(self.folder.path()));
        if unmount(&[]).is_err() {
            let _ = unmount(&["-l"]);
        }
    }
}

/// What fills a disk, until it is dropped.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A second machine: a network namespace, joined to this one by a cable of its own.
#[derive(Debug)]
pub struct OtherMachine {
    name: String,
    link: String,
    /// This machine's address on the cable.
    pub ours: String,
    /// The other machine's addresses.
    pub theirs: [String; 2],
}

impl OtherMachine {
    /// Makes one, which knows this machine by `host_name`.
    ///
    /// # Errors
    /// Why that is not possible here.
    pub fn make(host_name: &str) -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // Tests run side by side, in this process and in others.
        let number = (std::process::id() * 8 + MADE.fetch_add(1, Ordering::Relaxed)) % 230 + 20;
        let address = |last: u32| format!("10.213.{number}.{last}");
        let ip = |arguments: &str| said(Command::new("ip").args(arguments.split(' ')));
        // Before there is anything to take away again: another's is left alone.
        ip(&format!("netns add cartulary{number}"))?;
        let this = Self {
            name: format!("cartulary{number}"),
            link: format!("cart{number}"),
            ours: address(1),
            theirs: [address(2), address(3)],
        };
        let (name, link) = (&this.name, &this.link);
        ip(&format!("link add {link} type veth peer name {link}p netns {name}"))?;
        ip(&format!("addr add {}/24 dev {link}", this.ours))?;
        ip(&format!("link set {link} up"))?;
        for address in &this.theirs {
            ip(&format!("-n {name} addr add {address}/24 dev {link}p"))?;
        }
        ip(&format!("-n {name} link set {link}p up"))?;
        ip(&format!("-n {name} link set lo up"))?;
        // `ip netns exec` shows this file as /etc/hosts there.
        let etc = this.etc();
        fs::create_dir_all(&etc).map_err(|error| error.to_string())?;
        let hosts = format!("127.0.0.1 localhost\n{} {host_name}\n", this.ours);
        fs::write(etc.join("hosts"), hosts).map_err(|error| error.to_string())?;
        Ok(this)
    }

    /// Returns a command on the other machine.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    fn etc(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }
}

impl Drop for OtherMachine {
    fn drop(&mut self) {
        let ip = |arguments: &str| said(Command::new("ip").args(arguments.split(' ')));
        let _ = ip(&format!("link del {}", self.link));
        let _ = ip(&format!("netns del {}", self.name));
        let _ = fs::remove_dir_all(self.etc());
        // Only when it is empty: others may have theirs.
        let _ = fs::remove_dir("/etc/netns");
    }
}

/// Runs a command to its end; what it says of a failure is the error.
fn said(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{shown}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
