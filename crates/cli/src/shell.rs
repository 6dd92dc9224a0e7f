//! The interactive SQL shell: lines in, answers out; ^C ends the query and not the shell.

mod completion;
mod history;
mod look;
mod pager;

use std::sync::Arc;
use std::time::Instant;

use base::{Error, units};
use reedline::{
    ColumnarMenu, DefaultHinter, EditCommand, Emacs, KeyCode, KeyModifiers, MenuBuilder, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, default_emacs_keybindings,
};
use serde_json::{Map, Value};

use crate::arguments::Output;
use crate::client::Client;
use crate::failure::Outcome;
use crate::session::Session;
use crate::sql::formats;
use crate::sql::grid::Style;
use crate::sql::statements::split;
use crate::terminal;
use completion::{Known, SqlCompleter};
use look::{SqlHighlighter, SqlPrompt, SqlValidator};

/// The shell's state between lines.
struct Shell<'a> {
    session: &'a mut Session,
    client: Arc<Client>,
    parameters: Map<String, Value>,
    output: Output,
    /// `\x`: one value a line.
    expanded: bool,
    /// `\timing`: the time in the footer.
    timing: bool,
    /// The last statement, for `\e`.
    last: String,
    known: Known,
}

/// Runs until `\q` or ^D.
pub async fn run(session: &mut Session, client: Arc<Client>, parameters: Map<String, Value>, output: Output) -> Outcome {
    let known = Known::default();
    let learning = tokio::spawn(completion::learn(client.clone(), known.clone()));
    session.note(session.say(
        "dataux sql: end statements with ; — \\? for help, \\q to leave",
        "dataux sql：语句以 ; 结束 — \\? 查看帮助，\\q 退出",
    ));
    let mut editor = editor(&known, session.paint.is_on())?;
    let mut shell = Shell { session, client, parameters, output, expanded: false, timing: true, last: String::new(), known };
    let ended = shell.lines(&mut editor).await;
    learning.abort();
    let _ = learning.await;
    ended
}

impl Shell<'_> {
    async fn lines(&mut self, editor: &mut Reedline) -> Outcome {
        loop {
            // Reading a line blocks; other tasks go on meanwhile.
            let signal = tokio::task::block_in_place(|| editor.read_line(&SqlPrompt));
            // A line kept out of the history is no error to speak of.
            let _ = editor.take_history_save_error();
            let line = match signal {
                Ok(Signal::Success(line)) => line,
                Ok(Signal::CtrlD) => return Ok(()),
                Ok(_) => continue,
                Err(error) => return Err(Error::new(&crate::codes::TERMINAL_UNUSABLE).because(error).into()),
            };
            // ^C drops the answer, which cancels the query where it runs.
            let done = tokio::select! {
                biased;
                done = Box::pin(self.line(&line, editor)) => Some(done),
                _ = tokio::signal::ctrl_c() => None,
            };
            let Some(done) = done else {
                self.session.note(self.session.say("cancelled", "已取消"));
                continue;
            };
            match done {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(failure) => {
                    if let Some(problem) = failure.problem(self.session.language) {
                        self.session.note(problem.lines(self.session.language, self.session.paint_error).trim_end());
                    }
                }
            }
        }
    }

    /// One line; false when the shell is to end.
    async fn line(&mut self, line: &str, editor: &mut Reedline) -> Outcome<bool> {
        let trimmed = line.trim().trim_end_matches(';').trim();
        if let Some(command) = trimmed.strip_prefix('\\') {
            return self.command(command, editor).await;
        }
        if matches!(trimmed.to_ascii_lowercase().as_str(), "exit" | "quit") {
            return Ok(false);
        }
        for statement in split(line) {
            self.last = statement.to_owned();
            self.answer(statement).await?;
        }
        Ok(true)
    }

    async fn answer(&mut self, sql: &str) -> Outcome {
        let began = Instant::now();
        let answer = formats::ask(&self.client, sql, &self.parameters, self.output).await?;
        if self.output != Output::Table {
            formats::write(answer, self.output, &mut self.session.out).await?;
            return self.session.out.flush();
        }
        let grid = formats::read_grid(answer).await?;
        let elapsed = began.elapsed();
        let size = terminal::size();
        let style =
            Style { width: size.map(|(_, columns)| columns), colour: self.session.paint.is_on(), boxes: terminal::draws_boxes() };
        let mut text = if self.expanded { grid.render_expanded(style) } else { grid.render(style) };
        let mut footer = grid.footer(self.session.language);
        if self.timing {
            footer.push_str(&format!(" · {}", units::duration(elapsed)));
        }
        text.push_str(&self.session.paint.dim(&footer));
        text.push('\n');
        pager::show(&mut self.session.out, &text, size)
    }

    /// A backslash command; false when the shell is to end.
    async fn command(&mut self, command: &str, editor: &mut Reedline) -> Outcome<bool> {
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, argument.trim()) {
            ("q", _) => return Ok(false),
            ("?" | "h" | "help", _) => {
                let help = self.session.say(HELP_EN, HELP_ZH).to_owned();
                self.session.out.text(&help)?;
                self.session.out.flush()?;
            }
            ("x", _) => {
                self.expanded = !self.expanded;
                self.switched("\\x", self.expanded);
            }
            ("timing", _) => {
                self.timing = !self.timing;
                self.switched("\\timing", self.timing);
            }
            ("d", "") => {
                crate::commands::describe::tables(self.session, &self.client, Output::Table).await?;
                self.session.out.flush()?;
                tokio::spawn(completion::learn(self.client.clone(), self.known.clone()));
            }
            ("d", table) => {
                crate::commands::describe::table(self.session, &self.client, table, Output::Table).await?;
                self.session.out.flush()?;
            }
            ("e", _) => {
                let text = pager::edit(&self.last)?;
                editor.run_edit_commands(&[EditCommand::Clear, EditCommand::InsertString(text)]);
            }
            (other, _) => {
                let text = self.session.say("is no command of this shell; \\? lists them", "不是本终端的命令；\\? 查看全部");
                self.session.note(&format!("\\{other} {text}"));
            }
        }
        Ok(true)
    }

    fn switched(&self, what: &str, on: bool) {
        self.session.note(&format!("{what} {}", if on { self.session.say("on", "开") } else { self.session.say("off", "关") }));
    }
}

const HELP_EN: &str = "  \\d            tables\n  \\d TABLE      columns of a table\n  \\x            one value a line, or a table again\n  \
                       \\e            edit the last statement in $EDITOR\n  \\timing       show or hide times\n  \\q or ^D      leave\n  \
                       Tab           complete\n  ^R            search the history\n  ^C            cancel the query, or clear the line\n";
const HELP_ZH: &str = "  \\d            列出表\n  \\d TABLE      列出一张表的列\n  \\x            每行一个值 / 恢复表格\n  \
                       \\e            用 $EDITOR 编辑上一条语句\n  \\timing       显示或隐藏用时\n  \\q 或 ^D      退出\n  \
                       Tab           补全\n  ^R            搜索历史\n  ^C            取消查询，或清空输入\n";

fn editor(known: &Known, colour: bool) -> Outcome<Reedline> {
    const MENU: &str = "completion";
    let mut keys = default_emacs_keybindings();
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]),
    );
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Edit(vec![EditCommand::InsertNewline]));
    let mut editor = Reedline::create()
        .with_ansi_colors(colour)
        .use_bracketed_paste(true)
        .with_validator(Box::new(SqlValidator))
        .with_completer(Box::new(SqlCompleter::new(known.clone())))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(ColumnarMenu::default().with_name(MENU))))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_history(history::open()?);
    if colour {
        editor = editor
            .with_highlighter(Box::new(SqlHighlighter))
            .with_hinter(Box::new(DefaultHinter::default().with_style(reedline::Color::DarkGray.normal())));
    }
    Ok(editor)
}
