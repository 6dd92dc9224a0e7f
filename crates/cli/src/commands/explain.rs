//! `dataux explain`: what an error code means and what to do.

use base::{Blame, Code, Error, Language};
use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::{Value, json};

use crate::arguments::Output;
use crate::failure::Outcome;
use crate::listing::{self, Align};
use crate::session::Session;

/// The tables of codes of all rooms.
const ROOMS: &[&[&Code]] = &[
    base::errors::ALL,
    storage::codes::ALL,
    meta::codes::ALL,
    guard::codes::ALL,
    catalog::codes::ALL,
    connect::codes::ALL,
    lake::codes::ALL,
    engine::codes::ALL,
    flow::codes::ALL,
    gateway::codes::ALL,
    server::codes::ALL,
    deploy::codes::ALL,
    crate::codes::ALL,
];

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dataux explain not_allowed\n  dataux explain --lang zh\n  dataux explain -o json")]
pub struct Arguments {
    /// The code, as errors show it; all codes if not given
    #[arg(value_name = "CODE", add = ArgValueCompleter::new(crate::names::codes))]
    pub code: Option<String>,
}

/// Every code of the platform.
pub fn all() -> impl Iterator<Item = &'static Code> + Clone {
    ROOMS.iter().copied().flatten().copied()
}

/// Runs it.
pub fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("explain", Output::RESOURCES)?;
    let zh = session.language == Language::Zh;
    let Some(wanted) = arguments.code else {
        let items: Vec<Value> = all().map(value).collect();
        let titles = [("CODE", Align::Left), ("BLAME", Align::Left), ("RETRY", Align::Left), ("MESSAGE", Align::Left)];
        return listing::write(
            session,
            output,
            &items,
            &titles,
            |item| listing::text(item, "code"),
            |item| {
                let message = listing::text(item, if zh { "zh" } else { "en" });
                vec![listing::text(item, "code"), listing::text(item, "blame"), listing::text(item, "retry"), message]
            },
        );
    };
    let Some(code) = all().find(|code| code.name.eq_ignore_ascii_case(&wanted)) else {
        let error = Error::new(&crate::codes::CODE_UNKNOWN).with("code", &wanted);
        let near = base::nearest::nearest(&wanted, all().map(|code| code.name));
        return Err(match near {
            Some(near) => error.hint(format!("dataux explain {near}")),
            None => error,
        }
        .into());
    };
    match output {
        Output::Json => return session.out.json(&value(code)),
        Output::Yaml => return session.out.text(&listing::yaml(&value(code))?),
        _ => {}
    }
    let (message, hint) = if zh { (code.zh, code.hint_zh) } else { (code.en, code.hint_en) };
    let who = match code.blame {
        Blame::User => session.say("the caller has to act", "由调用方处理"),
        Blame::Source => session.say("the source's side has to act", "由数据源一侧处理"),
        Blame::Platform => session.say("the platform's side has to act", "由平台一侧处理"),
    };
    let again = match code.retry {
        true => session.say("the same request may succeed later", "同样的请求稍后可能成功"),
        false => session.say("the same request will fail again", "同样的请求还会失败"),
    };
    let mut text = format!("{}\n  {message}\n", session.paint.bold(code.name));
    if !hint.is_empty() {
        text.push_str(&format!("  {}\n", session.paint.cyan(hint)));
    }
    text.push_str(&format!("  {who}; {again}\n  HTTP {} · SQLSTATE {}\n", code.http, code.sqlstate));
    session.out.text(&text)
}

fn value(code: &Code) -> Value {
    json!({
        "code": code.name, "blame": code.blame.as_str(), "retry": code.retry, "http": code.http, "sqlstate": code.sqlstate,
        "en": code.en, "zh": code.zh, "hint_en": code.hint_en, "hint_zh": code.hint_zh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_speaks_both_languages() {
        let mut names: Vec<&str> = all().map(|code| code.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "a code is declared twice");
        for code in all() {
            assert!(!code.en.is_empty() && !code.zh.is_empty(), "{}", code.name);
            assert_eq!(code.hint_en.is_empty(), code.hint_zh.is_empty(), "{} has a hint in one language only", code.name);
        }
    }
}
