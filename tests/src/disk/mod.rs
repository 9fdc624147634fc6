//! A disk of the tests' own, whose power can be cut: a file system in memory that knows what was synced.
//!
//! A kill leaves the page cache as it is; a power cut does not. This file system (FUSE) sees every write, rename and
//! sync of the program on it, and makes the states that a disk could be in after a cut (see `model`). Without the right
//! to mount, the tests say so and are not run.

mod model;
mod protocol;
mod serve;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::Tree;
pub use model::{Image, Survival};

use crate::program::{absent, skip};
use crate::random::Random;

/// A mounted disk. It is unmounted when this is dropped.
#[derive(Debug)]
pub struct Disk {
    tree: Arc<Mutex<Tree>>,
    folder: tempfile::TempDir,
    server: Option<JoinHandle<()>>,
}

impl Disk {
    /// Mounts an empty disk.
    ///
    /// # Errors
    /// Why that is not possible here.
    pub fn mount() -> Result<Self, String> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = device.map_err(|error| format!("/dev/fuse cannot be opened: {error}"))?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().canonicalize().map_err(|error| error.to_string())?;
        let handed = device.try_clone().map_err(|error| error.to_string())?;
        // `mount` hands its standard input to the kernel as the file system's own end.
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
        let mounted = Command::new("mount")
            .args(["-i", "-t", "fuse", "-o", options, "cartulary-test-disk"])
            .arg(&path)
            .stdin(Stdio::from(handed))
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| format!("no command `mount`: {error}"))?;
        if !mounted.status.success() {
            return Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned());
        }
        let tree = Arc::new(Mutex::new(Tree::new()));
        let served = Arc::clone(&tree);
        let server = std::thread::spawn(move || serve::run(&device, &served));
        Ok(Self { tree, folder, server: Some(server) })
    }

    /// Mounts an empty disk for a test, or says why the test is not run: for want of the program, or of the right to mount.
    pub fn mount_for(what: &str) -> Option<Self> {
        if let Some(why) = absent() {
            skip(what, &why);
            return None;
        }
        Self::mount().map_err(|why| skip(what, &format!("no file system of the tests' own can be mounted: {why}"))).ok()
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap_or_else(|_| self.folder.path().to_owned())
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything durable that was written so far.
    pub fn sync_all(&self) {
        self.tree().sync_all();
    }

    /// From now on a sync is answered and not done: what a program without syncs would get.
    pub fn ignore_syncs(&self) {
        self.tree().ignores_syncs = true;
    }

    /// From now on each sync takes so much longer, as on a slower disk.
    pub fn slow_syncs(&self, takes: Duration) {
        self.tree().sync_takes = takes;
    }

    /// Returns how many syncs were asked for.
    pub fn syncs(&self) -> u64 {
        self.tree().syncs
    }

    /// Makes every write below a path of the disk fail as on a full disk; `None` ends that.
    pub fn fill(&self, below: Option<&str>) {
        let mut tree = self.tree();
        tree.full_below = below.map(str::to_owned);
        tree.refused = 0;
    }

    /// Returns how many writes failed since the disk was filled.
    pub fn refused(&self) -> u64 {
        self.tree().refused
    }

    /// Makes the disk hang: whoever asks it for anything waits until the guard is dropped.
    pub fn hang(&self) -> impl Drop + '_ {
        self.tree()
    }

    /// Returns a state that the disk could be in if its power were cut now. The disk goes on.
    pub fn cut(&self, survival: Survival, random: &mut Random) -> Image {
        self.tree().cut(survival, random)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = self.path();
        let unmount = |flags: &[&str]| Command::new("umount").args(flags).arg(&path).stderr(Stdio::null()).status();
        // Lazily and by force, so that nothing of a test that failed stays.
        if !unmount(&["-i"]).is_ok_and(|status| status.success()) {
            let _ = unmount(&["-i", "-f", "-l"]);
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

impl Image {
    /// Writes the state into an ordinary folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        for (path, content) in &self.entries {
            let path = folder.join(path);
            match content {
                None => std::fs::create_dir_all(&path)?,
                Some(bytes) => std::fs::write(&path, bytes)?,
            }
        }
        Ok(())
    }
}
