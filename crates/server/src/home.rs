//! The folder of one platform, and the lock that keeps a second server out of it.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base::{Error, Result};

use crate::codes::{HOME_IN_USE, HOME_UNUSABLE};

/// Bytes of a lock file that are read to tell who holds it.
const PROCESS_TEXT_MAX: u64 = 20;

/// Where things are in a home.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

/// Held by the one server of a home; gone with its process, also after kill −9.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// Makes the folder if there is none. Only its owner can look into a folder made here.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).map_err(|error| unusable(root, error))?;
        if !root.is_dir() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&root).map_err(|error| unusable(&root, error))?;
        }
        Ok(Self { root })
    }

    /// Takes the lock, or says that another server has it.
    pub fn lock(&self) -> Result<HomeLock> {
        let path = self.root.join("lock");
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| unusable(&path, error))?;
        match file.try_lock() {
            Ok(()) => {
                // Only for people who ask who has it; a full disk must not keep a server from starting.
                let _noted = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(HomeLock { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _known = file.take(PROCESS_TEXT_MAX).read_to_string(&mut process);
                let process = if process.is_empty() { "?" } else { process.trim() };
                Err(Error::new(&HOME_IN_USE).with("home", self.root.display()).with("process", process))
            }
            Err(TryLockError::Error(error)) => Err(unusable(&path, error)),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.root.join("meta.db")
    }

    /// The key of the secret store.
    pub fn master_key(&self) -> PathBuf {
        self.root.join("master.key")
    }

    /// The lake's tables.
    pub fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// What queries put aside while they run.
    pub fn spill(&self) -> PathBuf {
        self.root.join("spill")
    }
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::new(&HOME_UNUSABLE).with("home", path.display()).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_a_home() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(&folder.path().join("a/b")).expect("made");
        let first = home.lock().expect("free");
        let refused = home.lock().expect_err("taken");
        assert!(refused.is(&HOME_IN_USE), "{refused}");
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        home.lock().expect("free again");
    }
}
