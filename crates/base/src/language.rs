//! The two languages the platform speaks.

/// English or Chinese, chosen by `LANG` in a terminal and by `Accept-Language` over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English, when nothing says otherwise.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Language {
    /// From a locale (`zh_CN.UTF-8`) or a language tag (`zh-Hans`).
    pub fn from_tag(tag: &str) -> Self {
        if tag.trim().get(..2).is_some_and(|two| two.eq_ignore_ascii_case("zh")) { Self::Zh } else { Self::En }
    }

    /// From `Accept-Language`: the known language of the highest weight; the first wins a tie.
    pub fn from_accept(header: &str) -> Self {
        let mut best = (0.0_f32, Self::En);
        for entry in header.split(',').take(32) {
            let mut parts = entry.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            let known = tag.get(..2).is_some_and(|two| ["zh", "en"].iter().any(|known| two.eq_ignore_ascii_case(known)));
            if known && weight > best.0 {
                best = (weight, Self::from_tag(tag));
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_heaviest_known_language() {
        assert_eq!(Language::from_accept("fr, zh-CN;q=0.8, en;q=0.7"), Language::Zh);
        assert_eq!(Language::from_accept("en-GB,zh;q=0.9"), Language::En);
        assert_eq!(Language::from_accept("中,é"), Language::En);
        assert_eq!(Language::from_tag("zh_CN.UTF-8"), Language::Zh);
    }
}
