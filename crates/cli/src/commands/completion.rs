//! `dataux completion`: the script that lets a shell ask this program for completions.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  source <(dataux completion bash)            in ~/.bashrc\n  \
                        source <(dataux completion zsh)             in ~/.zshrc, after compinit\n  \
                        dataux completion fish | source             in ~/.config/fish/config.fish\n  \
                        dataux completion powershell | Out-String | Invoke-Expression")]
pub struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Shells that can ask.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
    /// PowerShell.
    Powershell,
    /// Elvish.
    Elvish,
}

/// Runs it.
pub fn run(session: &mut Session, arguments: Arguments) -> Outcome {
    let name = match arguments.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Elvish => "elvish",
    };
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(name) else {
        return Err(Failure::usage("completion", format!("no completion for {name}")));
    };
    let mut script = Vec::new();
    shell.write_registration("COMPLETE", "dataux", "dataux", "dataux", &mut script).map_err(Failure::write)?;
    session.out.bytes(&script)
}
