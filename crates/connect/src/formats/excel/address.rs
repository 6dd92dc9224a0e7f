//! Where cells stand: `B17`, and areas such as `B3:F200`.

/// Rows of the largest sheet there is.
const ROWS_MAX: u32 = 1_048_576;
/// Columns of the largest sheet there is.
const COLUMNS_MAX: u32 = 16_384;

/// Some neighbouring rows and columns, counted from 0, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    rows: (u32, u32),
    columns: (u32, u32),
}

impl Area {
    /// The whole sheet.
    pub const ALL: Self = Self { rows: (0, ROWS_MAX - 1), columns: (0, COLUMNS_MAX - 1) };

    /// The area a text names; a row or column that is left out means the sheet's edge.
    pub fn of(text: &str) -> Option<Self> {
        let (start, end) = text.trim().split_once(':')?;
        let ((first_column, first_row), (last_column, last_row)) = (corner(start)?, corner(end)?);
        let rows = (first_row.unwrap_or(0), last_row.unwrap_or(ROWS_MAX - 1));
        let columns = (first_column.unwrap_or(0), last_column.unwrap_or(COLUMNS_MAX - 1));
        (rows.0 <= rows.1 && columns.0 <= columns.1).then_some(Self { rows, columns })
    }

    pub fn has_row(self, row: u32) -> bool {
        (self.rows.0..=self.rows.1).contains(&row)
    }

    pub fn has_column(self, column: u32) -> bool {
        (self.columns.0..=self.columns.1).contains(&column)
    }

    /// The column it begins with, if that is not the sheet's edge.
    pub fn first_column(self) -> Option<u32> {
        (self.columns.0 > 0).then_some(self.columns.0)
    }

    /// Whether a row lies behind all of them.
    pub fn ends_before(self, row: u32) -> bool {
        row > self.rows.1
    }
}

/// The column and the row of `B3`, `B` or `3`.
fn corner(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let text = text.trim();
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = text.split_at(letters);
    if letters.len() > 3 || text.is_empty() {
        return None;
    }
    let column = letters.bytes().fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    let row: u32 = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|row| *row > 0)? };
    (column <= COLUMNS_MAX && row <= ROWS_MAX).then_some((column.checked_sub(1), row.checked_sub(1)))
}

/// The letters of a column counted from 0.
pub(super) fn column_name(column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column + 1;
    while left > 0 {
        left -= 1;
        letters.push(b'A' + (left % 26) as u8);
        left /= 26;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_what_a_sheet_shows() {
        let area = |rows, columns| Some(Area { rows, columns });
        assert_eq!(Area::of("B3:F200"), area((2, 199), (1, 5)));
        assert_eq!(Area::of("b3:f"), area((2, ROWS_MAX - 1), (1, 5)));
        assert_eq!(Area::of("A:XFD"), Some(Area::ALL));
        assert_eq!(Area::of("2:2"), area((1, 1), (0, COLUMNS_MAX - 1)));
        for bad in ["", "B3", "B3:", "B0:C1", "C1:B1", "A1:XFE1", "A1:A1048577", "A1:B2:C3", "A-1:B2"] {
            assert_eq!(Area::of(bad), None, "{bad}");
        }
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (COLUMNS_MAX - 1, "XFD")] {
            assert_eq!(column_name(column), name);
            assert_eq!(corner(name), Some((Some(column), None)));
        }
    }
}
