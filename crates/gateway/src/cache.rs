//! Answers as the cache keeps them: the body, with how many rows it has and from which tables they came.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Largest answer kept, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Bytes of the length that an entry begins with.
const LENGTH_BYTES: usize = 4;

/// Everything an answer depends on. The tables' versions are not part of it: how old an answer may be is what the service states.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    /// The service.
    pub service: &'a str,
    /// Which declaration of it, so that a changed statement never answers with old rows.
    pub declared: &'a str,
    /// The policy under which the rows were read, so that a revoked grant holds for kept answers as well.
    pub policy: i64,
    /// Parameters, page and format, in one canonical text.
    pub request: &'a str,
}

impl Key<'_> {
    /// One text for one key: names hold no spaces, and the request stands last.
    pub fn text(&self) -> String {
        format!("answer {} {} {} {}", self.service, self.declared, self.policy, self.request)
    }
}

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The whole body.
    pub body: Bytes,
    /// Rows in it.
    pub rows: u64,
    /// Tables it was read from.
    pub tables: Arc<[String]>,
}

/// What stands before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    rows: u64,
    tables: Vec<String>,
}

impl Kept {
    /// As the cache keeps it; nothing if it is too large to be kept.
    pub fn to_bytes(&self) -> Option<Arc<[u8]>> {
        let head = serde_json::to_vec(&Head { rows: self.rows, tables: self.tables.to_vec() }).ok()?;
        let length = u32::try_from(head.len()).ok()?;
        (self.body.len() <= ANSWER_BYTES_MAX).then(|| [&length.to_le_bytes()[..], &head, &self.body].concat().into())
    }

    /// As it was kept; nothing if another version wrote it otherwise.
    pub fn from_bytes(bytes: Arc<[u8]>) -> Option<Self> {
        let bytes = Bytes::from_owner(bytes);
        let length = u32::from_le_bytes(bytes.get(..LENGTH_BYTES)?.try_into().ok()?);
        let end = LENGTH_BYTES.checked_add(usize::try_from(length).ok()?)?;
        let head: Head = serde_json::from_slice(bytes.get(LENGTH_BYTES..end)?).ok()?;
        Some(Self { body: bytes.slice(end..), rows: head.rows, tables: head.tables.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let kept = Kept { body: Bytes::from_static(b"{\"items\":[]}"), rows: 3, tables: Arc::from(["lake.a.b".to_owned()]) };
        let bytes = kept.to_bytes().expect("small");
        assert_eq!(Kept::from_bytes(Arc::clone(&bytes)), Some(kept.clone()));
        for cut in [0, 3, 4, 10] {
            assert_eq!(Kept::from_bytes(bytes[..cut].into()), None, "{cut} bytes");
        }
        assert_eq!(Kept::from_bytes([0xff; 64].into()), None);
        let large = Kept { body: Bytes::from(vec![0; ANSWER_BYTES_MAX + 1]), ..kept };
        assert!(large.to_bytes().is_none());
    }

    #[test]
    fn keys_differ_in_each_part() {
        let text = |service, declared, policy, request| Key { service, declared, policy, request }.text();
        let all = [
            text("a", "1", 2, "x"),
            text("b", "1", 2, "x"),
            text("a", "2", 2, "x"),
            text("a", "1", 3, "x"),
            text("a", "1", 2, "y"),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
    }
}
