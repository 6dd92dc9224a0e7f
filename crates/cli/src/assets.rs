//! The airline example, built into the binary: files for the home's `example` folder and documents to apply.

use std::path::Path;

use crate::failure::{Failure, Outcome};

/// Files of the example, by their path under `HOME/example`.
pub const FILES: &[(&str, &[u8])] = &[
    ("data/flights.csv.zip", include_bytes!("../../../examples/airline/data/flights.csv.zip")),
    ("data/airports.csv", include_bytes!("../../../examples/airline/data/airports.csv")),
    ("business/schema.sql", include_bytes!("../../../examples/airline/business/schema.sql")),
    ("business/airlines.csv", include_bytes!("../../../examples/airline/business/airlines.csv")),
    ("business/planes.csv", include_bytes!("../../../examples/airline/business/planes.csv")),
    ("business/weather.csv", include_bytes!("../../../examples/airline/business/weather.csv")),
    ("connections.yaml", include_bytes!("../../../examples/airline/connections.yaml")),
    ("access.yaml", include_bytes!("../../../examples/airline/access.yaml")),
    ("pipeline.yaml", include_bytes!("../../../examples/airline/pipeline.yaml")),
    ("schedule.yaml", include_bytes!("../../../examples/airline/schedule.yaml")),
    ("services.yaml", include_bytes!("../../../examples/airline/services.yaml")),
];

/// The documents to apply, in this order, so that each finds what it names.
pub const DOCUMENTS: &[&str] = &["connections.yaml", "access.yaml", "pipeline.yaml", "schedule.yaml", "services.yaml"];

/// Folders that the example writes to.
const FOLDERS: &[&str] = &["exports"];

/// Writes the files that are missing or different; a file that is the same is left alone, so that nothing takes it for new.
pub fn unpack(folder: &Path) -> Outcome {
    for name in FOLDERS {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).map_err(|error| Failure::file(&path, error))?;
    }
    for (name, bytes) in FILES {
        let path = folder.join(name);
        let failed = |error| Failure::file(&path, error);
        let same = std::fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64)
            && std::fs::read(&path).is_ok_and(|found| found == *bytes);
        if same {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(failed)?;
        let mut neighbour = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
        std::io::Write::write_all(&mut neighbour, bytes).map_err(failed)?;
        neighbour.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(())
}

/// A file's text.
pub fn text(name: &str) -> &'static str {
    let bytes = FILES.iter().find(|(known, _)| *known == name).map_or(&[] as &[u8], |(_, bytes)| bytes);
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_twice_writes_once() {
        let folder = tempfile::tempdir().expect("a folder");
        unpack(folder.path()).expect("unpacked");
        let file = folder.path().join("data/airports.csv");
        let written = std::fs::metadata(&file).and_then(|found| found.modified()).expect("there");
        unpack(folder.path()).expect("again");
        assert_eq!(std::fs::metadata(&file).and_then(|found| found.modified()).expect("there"), written);
        std::fs::write(&file, "damaged").expect("written");
        unpack(folder.path()).expect("mended");
        assert_eq!(std::fs::read(&file).expect("there"), FILES[1].1);
    }

    #[test]
    fn every_document_is_there_and_reads() {
        for name in DOCUMENTS {
            assert!(!base::document::read(text(name), name).expect("right").is_empty(), "{name}");
        }
    }
}
