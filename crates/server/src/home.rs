//! The folder of one platform, and the lock that keeps a second server out of it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use base::{Error, Result};

use crate::codes::{HOME_IN_USE, HOME_UNUSABLE};

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
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| unusable(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(&HOME_IN_USE).with("home", self.root.display())),
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
        assert!(home.lock().expect_err("taken").is(&HOME_IN_USE));
        drop(first);
        home.lock().expect("free again");
    }
}
