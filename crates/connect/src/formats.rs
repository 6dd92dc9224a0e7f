//! The forms files come in: one file each, one line here.

pub mod avro;
pub mod csv;
pub mod excel;
pub mod json_lines;
pub mod orc;
pub mod parquet;

use base::document::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use avro::AvroFormat;
use csv::CsvFormat;
use excel::ExcelFormat;
use json_lines::JsonLinesFormat;
use orc::OrcFormat;
use parquet::ParquetFormat;

/// Which files of a location are read together, and what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesTarget {
    /// A pattern of paths below the connection's location, such as `2013/flights-*.csv.gz`; `*` stays in a folder, `**`
    /// goes into folders. Text and Avro in gzip, Zstandard and zip files are unpacked as they are read.
    pub files: String,
    /// In zip files, the members to read, such as `flights*.csv`. Without it: those whose extension is the format's, or
    /// the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<String>,
    /// What is in the files. Without it the extension tells: csv, tsv, jsonl, ndjson, parquet, avro, orc, xlsx, xlsm, xls or ods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
}

/// Exactly one of the formats, with its options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Delimited text, one record a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvFormat>,
    /// One JSON object a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_lines: Option<JsonLinesFormat>,
    /// Apache Parquet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parquet: Option<ParquetFormat>,
    /// Apache Avro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avro: Option<AvroFormat>,
    /// Apache ORC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orc: Option<OrcFormat>,
    /// A sheet of a workbook of Excel or LibreOffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excel: Option<ExcelFormat>,
}

/// A format that was settled on.
#[derive(Debug, Clone)]
pub(crate) enum Chosen {
    Csv(CsvFormat),
    JsonLines(JsonLinesFormat),
    Parquet(ParquetFormat),
    Avro(AvroFormat),
    Orc(OrcFormat),
    Excel(ExcelFormat),
}

/// The names of all formats, for messages.
const NAMES: &str = "`csv`, `json_lines`, `parquet`, `avro`, `orc` and `excel`";

impl FilesTarget {
    /// All files that match a pattern, in the format their extension tells.
    pub fn new(files: impl Into<String>) -> Self {
        Self { files: files.into(), members: None, format: None }
    }

    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        if self.files.is_empty() || self.files.starts_with('/') || self.files.split('/').any(|part| part == ".." || part == ".") {
            return Err(Wrong::new("files", "write a pattern below the connection's location, without `..`"));
        }
        glob::Pattern::new(&self.files).map_err(|error| Wrong::new("files", error.to_string()))?;
        if let Some(members) = &self.members {
            glob::Pattern::new(members).map_err(|error| Wrong::new("members", error.to_string()))?;
        }
        match &self.format {
            Some(format) => format.chosen().map(drop),
            None => Ok(()),
        }
    }

    /// The format declared, or that of the pattern's or the first file's extension.
    pub(crate) fn chosen(&self, first: &str) -> Result<Chosen, Wrong> {
        if let Some(format) = &self.format {
            return format.chosen();
        }
        let names = [self.members.as_deref().unwrap_or_default(), &self.files, first];
        names.into_iter().find_map(by_extension).ok_or_else(|| {
            Wrong::new("format", format!("the name `{}` does not tell the format; set one of {NAMES}", self.files))
        })
    }
}

impl Format {
    fn chosen(&self) -> Result<Chosen, Wrong> {
        let mut set = [
            self.csv.clone().map(Chosen::Csv),
            self.json_lines.clone().map(Chosen::JsonLines),
            self.parquet.clone().map(Chosen::Parquet),
            self.avro.clone().map(Chosen::Avro),
            self.orc.clone().map(Chosen::Orc),
            self.excel.clone().map(Chosen::Excel),
        ]
        .into_iter()
        .flatten();
        let (Some(chosen), None) = (set.next(), set.next()) else {
            return Err(Wrong::new("format", format!("set exactly one of {NAMES}")));
        };
        chosen.check().map(|()| chosen)
    }
}

impl Chosen {
    fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::Csv(format) => format.check(),
            Self::Avro(format) => format.check(),
            Self::Excel(format) => format.check(),
            Self::JsonLines(_) | Self::Parquet(_) | Self::Orc(_) => Ok(()),
        }
    }

    /// Extensions of this format, for members of archives.
    pub fn extensions(&self) -> &'static [&'static str] {
        match self {
            Self::Csv(_) => &["csv", "tsv", "txt"],
            Self::JsonLines(_) => &["jsonl", "ndjson", "json"],
            Self::Parquet(_) => &["parquet"],
            Self::Avro(_) => &["avro"],
            Self::Orc(_) => &["orc"],
            Self::Excel(_) => &["xlsx", "xlsm", "xls", "ods"],
        }
    }
}

fn by_extension(name: &str) -> Option<Chosen> {
    let name = name.to_ascii_lowercase();
    let packed = [".gz", ".zst", ".zip"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let (_, extension) = packed.unwrap_or(&name).rsplit_once('.')?;
    match extension {
        "csv" => Some(Chosen::Csv(CsvFormat::default())),
        "tsv" => Some(Chosen::Csv(CsvFormat { delimiter: '\t', ..CsvFormat::default() })),
        "jsonl" | "ndjson" => Some(Chosen::JsonLines(JsonLinesFormat::default())),
        "parquet" => Some(Chosen::Parquet(ParquetFormat::default())),
        "avro" => Some(Chosen::Avro(AvroFormat::default())),
        "orc" => Some(Chosen::Orc(OrcFormat::default())),
        "xlsx" | "xlsm" | "xls" | "ods" => Some(Chosen::Excel(ExcelFormat::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_the_format() {
        let chosen = |files: &str, first: &str| FilesTarget::new(files).chosen(first);
        assert!(matches!(chosen("a/*.CSV.gz", ""), Ok(Chosen::Csv(_))));
        assert!(matches!(chosen("*.tsv", ""), Ok(Chosen::Csv(CsvFormat { delimiter: '\t', .. }))));
        assert!(matches!(chosen("day/*", "day/a.parquet"), Ok(Chosen::Parquet(_))));
        assert!(matches!(chosen("*.avro.gz", ""), Ok(Chosen::Avro(_))));
        assert!(matches!(chosen("*.orc", ""), Ok(Chosen::Orc(_))));
        for workbook in ["a.xlsx", "a.XLSM", "a.xls", "a.ods"] {
            assert!(matches!(chosen("*", workbook), Ok(Chosen::Excel(_))), "{workbook}");
        }
        assert!(chosen("*.zip", "a.zip").is_err());
        let two = Format { orc: Some(OrcFormat::default()), avro: Some(AvroFormat::default()), ..Format::default() };
        assert!(FilesTarget { format: Some(two), ..FilesTarget::new("a") }.check().is_err());
        for bad in ["", "/etc/*", "../x.csv", "a/../../x.csv", "a[.csv"] {
            assert!(FilesTarget::new(bad).check().is_err(), "{bad}");
        }
    }
}
