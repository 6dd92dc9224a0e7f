//! `dataux deploy preflight`: is everything there before anything is changed?

use base::Language;
use clap::Args;
use deploy::{Finding, Level, Report, Wish};

use super::Common;
use super::following::Following;
use crate::arguments::Output;
use crate::failure::{Failure, Outcome, exit};
use crate::listing::clean;
use crate::session::Session;
use crate::terminal::Paint;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Exits 0 when all can work, 3 when something would not. Warnings do not count.\n\n\
                        Examples:\n  dataux deploy preflight -f topology.yaml\n  dataux deploy preflight -f topology.yaml --site idc --strict\n  \
                        dataux deploy preflight -f topology.yaml -o json")]
pub struct Arguments {
    /// What every part needs.
    #[command(flatten)]
    pub common: Common,

    /// Every server of every site must run the same operating system, and Docker
    #[arg(long)]
    pub strict: bool,
}

/// Runs it.
pub async fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let output = session.output("deploy preflight", Output::SHORT)?;
    let common = &arguments.common;
    let file = common.topology()?;
    let chart = common.open_chart()?;
    let wish = Wish {
        programs: common.settings(),
        sites: common.sites.clone(),
        strict: arguments.strict,
        limit: common.timeout,
        parallel: usize::from(common.parallel),
    };
    let following = Following::new(session.globals.progress);
    for site in file.select(&common.sites)? {
        following.tell(site.name(), session.say("looking", "检查中"));
    }
    let report = deploy::preflight(&file, &chart, &wish, &|site| following.done(site)).await;
    let report = report?;
    match output {
        Output::Json => session.out.json(&report.json(session.language))?,
        _ => {
            let text = table(&report, session.language, session.paint);
            session.out.text(&text)?;
        }
    }
    if report.worst() == Level::Failure { Err(Failure::Said(exit::FINDING)) } else { Ok(()) }
}

/// A line for each finding, the fix below it, and a count.
fn table(report: &Report, language: Language, paint: Paint) -> String {
    let width =
        |text: fn(&Finding) -> &str| report.findings.iter().map(|one| console::measure_text_width(text(one))).max().unwrap_or(0);
    let (places, checks) = (width(|one| &one.place), width(|one| one.check));
    let padded =
        |text: &str, width: usize| format!("{text}{}", " ".repeat(width.saturating_sub(console::measure_text_width(text))));
    let mut text = String::new();
    for finding in &report.findings {
        let sign = match finding.level {
            Level::Good => paint.green(finding.level.sign()),
            Level::Warning => paint.yellow(finding.level.sign()),
            Level::Failure => paint.red(finding.level.sign()),
        };
        let (place, check) = (padded(&finding.place, places), padded(finding.check, checks));
        text.push_str(&format!("{sign} {place}  {check}  {}\n", clean(finding.reason.say(language))));
        let fix = finding.fix.say(language);
        if finding.level != Level::Good && !fix.is_empty() {
            text.push_str(&format!("{}→ {}\n", " ".repeat(places + checks + 6), paint.cyan(&clean(fix))));
        }
    }
    let (good, warnings, failures) = (report.count(Level::Good), report.count(Level::Warning), report.count(Level::Failure));
    text.push_str(&match language {
        Language::Zh => format!("{good} 项正常，{warnings} 项警告，{failures} 项失败\n"),
        Language::En => format!("{good} good, {warnings} warnings, {failures} failures\n"),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_and_what_to_do() {
        let findings = vec![
            Finding::good("helm", "v4.2.4", "v4.2.4").at("this host"),
            Finding::failure("storage", "there is no storage class `fast`", "没有存储类 `fast`")
                .fix("make it", "请创建")
                .at("idc"),
        ];
        let report = Report { findings };
        assert_eq!(
            table(&report, Language::En, Paint::plain()),
            "✔ this host  helm     v4.2.4\n✘ idc        storage  there is no storage class `fast`\n                      → make it\n1 good, 0 warnings, 1 failures\n"
        );
        assert!(table(&report, Language::Zh, Paint::plain()).contains("→ 请创建"));
    }
}
