//! The shell's history file, which never keeps a line that may hold a secret.

use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, ReedlineError, ReedlineErrorVariants, Result,
    SearchQuery,
};

use crate::failure::{Failure, Outcome};

/// Lines kept.
const LINES_MAX: usize = 10_000;

/// Words of lines that are not kept.
const SECRET_WORDS: &[&str] = &["password", "secret", "token", "passwd", "credential", "密码", "密钥", "令牌"];

/// The history of earlier shells, in the config folder.
pub fn open() -> Outcome<Box<dyn History>> {
    let file = crate::login::folder()?.join("sql_history");
    let failed = |error: ReedlineError| Failure::file(&file, std::io::Error::other(error));
    let history = FileBackedHistory::with_file(LINES_MAX, file.clone()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Statements are the user's own business; the file exists since `with_file`.
        let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600));
    }
    Ok(Box::new(Discreet(history)))
}

/// Whether a line may be written down.
fn may_be_kept(line: &str) -> bool {
    let line = line.to_lowercase();
    !SECRET_WORDS.iter().any(|word| line.contains(word))
}

/// A history that refuses secrets; the editor treats a refused line as one to forget.
struct Discreet(FileBackedHistory);

impl History for Discreet {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if may_be_kept(&item.command_line) {
            return self.0.save(item);
        }
        Err(ReedlineError(ReedlineErrorVariants::OtherHistoryError("lines that may hold a secret are not kept")))
    }

    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.0.load(id)
    }

    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.0.count(query)
    }

    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.0.search(query)
    }

    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        self.0.update(id, updater)
    }

    fn clear(&mut self) -> Result<()> {
        self.0.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.0.delete(id)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.0.session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_forgotten() {
        let mut history = Discreet(FileBackedHistory::new(10).expect("a size"));
        history.save(HistoryItem::from_command_line("select 1;")).expect("kept");
        history.save(HistoryItem::from_command_line("select * from t where PASSWORD = 'x';")).expect_err("forgotten");
        history.save(HistoryItem::from_command_line("-- 密码 x")).expect_err("forgotten");
        assert_eq!(history.count_all().expect("counts"), 1);
    }
}
