//! Delimited text: what may be declared of it, its header, and the types of its columns guessed from samples.

mod decode;
mod split;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use base::document::Wrong;
use base::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocks::{Blocks, Format, Options};
use crate::codes::{FILE_COLUMNS_DIFFER, FILE_EMPTY, FILE_ENCODING, FILE_HEADER_INVALID};
use crate::encodings::TextEncoding;
use crate::framing::{Framing, Quotes};
use crate::guess::Guess;
use crate::source::FileMark;

pub(crate) use decode::Decoder;
use split::{Fields, Splitter};

/// Records of each sampled file that are looked at to guess types.
pub(crate) const SAMPLE_RECORDS: usize = 10_000;

/// Delimited text. Records end at line ends; a field in quotes may hold delimiters, line ends and doubled quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvFormat {
    /// One ASCII character between fields.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The ASCII character around fields, or `null` if quotes mean nothing.
    #[serde(default = "quote")]
    pub quote: Option<char>,
    /// Whether the first record of each file names the columns; otherwise they are `column_1`, `column_2` and so on, or the
    /// declared ones in their order.
    #[serde(default = "yes")]
    pub header: bool,
    /// Texts that mean NULL, such as `["NA", ""]`.
    #[serde(default = "empty")]
    pub nulls: Vec<String>,
    /// Whether those texts mean NULL in quotes too.
    #[serde(default = "yes")]
    pub quoted_nulls: bool,
    /// Encoding of the files, such as `utf-8` or `gbk`. Bytes that are no text in it make their record a rejected one.
    #[serde(default = "utf8")]
    pub encoding: String,
}

fn comma() -> char {
    ','
}

#[allow(clippy::unnecessary_wraps)]
fn quote() -> Option<char> {
    Some('"')
}

fn yes() -> bool {
    true
}

fn empty() -> Vec<String> {
    vec![String::new()]
}

fn utf8() -> String {
    "utf-8".to_owned()
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { delimiter: comma(), quote: quote(), header: true, nulls: empty(), quoted_nulls: true, encoding: utf8() }
    }
}

impl CsvFormat {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        self.dialect().map(drop)
    }

    pub(crate) fn dialect(&self) -> Result<Dialect, Wrong> {
        let ascii = |field: &str, what: char| match u8::try_from(what) {
            Ok(byte) if byte.is_ascii() && byte != b'\n' && byte != b'\r' => Ok(byte),
            _ => Err(Wrong::new(field, "write one ASCII character that is no line end")),
        };
        let delimiter = ascii("delimiter", self.delimiter)?;
        let quote = self.quote.map(|quote| ascii("quote", quote)).transpose()?;
        if quote == Some(delimiter) {
            return Err(Wrong::new("quote", "it must differ from `delimiter`"));
        }
        Ok(Dialect {
            splitter: Splitter { delimiter, quote },
            header: self.header,
            nulls: Nulls::new(&self.nulls, self.quoted_nulls),
            encoding: TextEncoding::of(&self.encoding)?,
        })
    }
}

/// The declared options, checked.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    splitter: Splitter,
    header: bool,
    nulls: Nulls,
    encoding: TextEncoding,
}

#[derive(Debug, Clone)]
struct Nulls {
    texts: Vec<Box<[u8]>>,
    longest: usize,
    quoted: bool,
}

impl Nulls {
    fn new(texts: &[String], quoted: bool) -> Self {
        let texts: Vec<Box<[u8]>> = texts.iter().map(|text| text.as_bytes().into()).collect();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        Self { longest, quoted, texts }
    }

    #[inline]
    fn has(&self, text: &[u8], quoted: bool) -> bool {
        text.len() <= self.longest && (self.quoted || !quoted) && self.texts.iter().any(|null| **null == *text)
    }
}

impl Dialect {
    fn framing(&self) -> Framing {
        let Splitter { delimiter, quote } = self.splitter;
        Framing { quotes: quote.map(|quote| Quotes { quote, delimiter, encoding: self.encoding }) }
    }

    /// The names of the columns and how many bytes of the text name them.
    fn names(&self, place: &str, first: &[u8]) -> Result<(Vec<String>, usize)> {
        let mut fields = Fields::default();
        let mut end = 0;
        // Only the first record is decoded: what follows may not be valid and is not this function's to judge.
        while fields.is_empty() && end < first.len() {
            end = self.splitter.record(first, end, &mut fields).end;
        }
        if fields.is_empty() {
            return if self.header { Err(Error::new(&FILE_EMPTY).with("place", place)) } else { Ok((Vec::new(), 0)) };
        }
        if !self.header {
            return Ok(((1..=fields.len()).map(|number| format!("column_{number}")).collect(), 0));
        }
        let mut line = String::new();
        if !self.encoding.decode(&first[..end], &mut line) {
            return Err(Error::new(&FILE_ENCODING)
                .with("place", place)
                .with("encoding", self.encoding.name())
                .with("reason", "it holds bytes that are no text in it"));
        }
        fields.clear();
        let mut at = 0;
        while fields.is_empty() && at < line.len() {
            at = self.splitter.record(line.as_bytes(), at, &mut fields).end;
        }
        let mut names = Vec::with_capacity(fields.len());
        let mut seen = HashSet::new();
        for index in 0..fields.len() {
            let name = fields.text(index, &line, self.splitter).trim().to_owned();
            let name = if name.is_empty() { format!("column_{}", index + 1) } else { name };
            if !seen.insert(name.clone()) {
                return Err(Error::new(&FILE_HEADER_INVALID)
                    .with("place", place)
                    .with("reason", format!("it names `{name}` twice")));
            }
            names.push(name);
        }
        Ok((names, end))
    }
}

/// A text whose columns are not known yet.
struct Unknown(Dialect);

impl Format for Unknown {
    type Head = Vec<String>;

    fn framing(&self) -> Framing {
        self.0.framing()
    }

    fn head(&self, name: &str, first: &[u8]) -> Result<(Self::Head, usize)> {
        self.0.names(name, first)
    }
}

/// Guesses the columns from the first records of some files. Blocks.
pub(crate) fn infer(dialect: &Dialect, options: &Options, samples: &[FileMark], declared: Option<&SchemaRef>) -> Result<Schema> {
    let mut names: Vec<String> = Vec::new();
    let mut guesses: Vec<Guess> = Vec::new();
    for mark in samples {
        let mut blocks = Blocks::new(Arc::new(Unknown(dialect.clone())), options.clone(), vec![mark.clone()]);
        let mut left = SAMPLE_RECORDS;
        while left > 0 {
            let Some(block) = blocks.next()? else { break };
            if names.is_empty() {
                names.clone_from(&block.head);
                guesses = vec![Guess::default(); names.len()];
            } else if dialect.header {
                same_columns(&block.name, &names, &block.head)?;
            }
            let order: Vec<Option<usize>> = match dialect.header {
                true => block.head.iter().map(|name| names.iter().position(|known| known == name)).collect(),
                false => (0..names.len()).map(Some).collect(),
            };
            left -= decode::sample(dialect, &block, &order, &mut guesses, left);
        }
    }
    if let (false, Some(declared)) = (dialect.header, declared)
        && (names.is_empty() || declared.fields().len() == names.len())
    {
        names = declared.fields().iter().map(|field| field.name().clone()).collect();
        guesses.resize(names.len(), Guess::default());
    }
    if names.is_empty() {
        let place = samples.first().map_or("", |mark| mark.path.as_str());
        return Err(Error::new(&FILE_EMPTY).with("place", place));
    }
    let field = |(name, guess): (&String, &Guess)| Field::new(name, guess.data_type(), true);
    Ok(Schema::new(names.iter().zip(&guesses).map(field).collect::<Vec<_>>()))
}

fn same_columns(place: &str, wanted: &[String], found: &[String]) -> Result<()> {
    let lacks = wanted.iter().find(|name| !found.contains(name)).map(|name| format!("it lacks `{name}`"));
    let extra = || found.iter().find(|name| !wanted.contains(name)).map(|name| format!("it also has `{name}`"));
    match lacks.or_else(extra) {
        Some(reason) => Err(Error::new(&FILE_COLUMNS_DIFFER).with("place", place).with("reason", reason)),
        None => Ok(()),
    }
}

/// A text whose columns are known.
pub(crate) struct Known {
    dialect: Dialect,
    /// The columns that are read.
    schema: SchemaRef,
    /// All columns of the files.
    names: Vec<String>,
    /// Whether a file may have columns that are not read.
    chosen: bool,
}

impl Known {
    /// `found`: the columns of the files; `schema`: those that are read. Where some are chosen, a file may have others beside.
    pub fn new(dialect: Dialect, found: &Schema, schema: SchemaRef, chosen: bool) -> Self {
        let names = found.fields().iter().map(|field| field.name().clone()).collect();
        Self { dialect, schema, names, chosen }
    }
}

/// Which field of a record is which column.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Fields of a record.
    width: usize,
    /// For each column of the schema the field it is read from.
    fields: Vec<usize>,
}

impl Layout {
    /// Records of these fields, in this order; the name of a column that is none of them otherwise.
    pub fn of(names: &[String], schema: &Schema) -> Result<Self, String> {
        let find = |field: &Arc<Field>| names.iter().position(|name| name == field.name()).ok_or_else(|| field.name().clone());
        Ok(Self { width: names.len(), fields: schema.fields().iter().map(find).collect::<Result<_, String>>()? })
    }
}

impl Format for Known {
    type Head = Layout;

    fn framing(&self) -> Framing {
        self.dialect.framing()
    }

    fn head(&self, name: &str, first: &[u8]) -> Result<(Layout, usize)> {
        let (mut names, length) = self.dialect.names(name, first)?;
        if !self.dialect.header {
            names.clone_from(&self.names);
        } else if !self.chosen {
            same_columns(name, &self.names, &names)?;
        }
        let find = |field: &Arc<Field>| {
            names
                .iter()
                .position(|known| known == field.name())
                .ok_or_else(|| crate::columns::missing(field.name(), names.iter().map(String::as_str), name))
        };
        let fields = self.schema.fields().iter().map(find).collect::<Result<_>>()?;
        Ok((Layout { width: names.len(), fields }, length))
    }
}
