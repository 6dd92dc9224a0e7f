//! What queries put aside on disk: where, how much at most, and how often they had to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::{SpillFile, TempFileFactory};

/// The files of all queries together. Counts those that are begun; DataFusion counts only those that are there.
pub(crate) struct Spills {
    disk: Arc<DiskManager>,
    begun: AtomicU64,
}

impl Spills {
    /// Files in a folder, of so many bytes at most.
    pub(crate) fn new(folder: PathBuf, bytes_max: u64) -> Result<Arc<Self>> {
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![folder]))
            .with_max_temp_directory_size(bytes_max)
            .build()?;
        Ok(Arc::new(Self { disk: Arc::new(disk), begun: AtomicU64::new(0) }))
    }

    /// What makes a runtime put its files here.
    pub(crate) fn disks(self: &Arc<Self>) -> DiskManagerBuilder {
        DiskManagerBuilder::default().with_temp_file_factory(Arc::clone(self) as Arc<dyn TempFileFactory>)
    }

    /// Bytes that are there now.
    pub(crate) fn bytes(&self) -> u64 {
        self.disk.used_disk_space()
    }

    /// Files begun so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

impl TempFileFactory for Spills {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.disk.create_tmp_file(description)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn counts_files_that_are_begun_and_bytes_that_are_there() {
        // A folder of its own is made in there, and goes with the last file.
        let spills = Spills::new(std::env::temp_dir(), 1 << 20).expect("a place");
        let disk = Arc::new(spills.disks().build().expect("disks"));
        let file = disk.create_tmp_file("a test").expect("a file");
        assert_eq!(spills.begun(), 1);
        let mut writer = file.open_writer().expect("opens");
        writer.write_all(&[1; 1000]).expect("writes");
        writer.finish().expect("ends");
        assert_eq!(spills.bytes(), 1000);
        drop((writer, file));
        assert_eq!((spills.begun(), spills.bytes()), (1, 0));
    }
}
