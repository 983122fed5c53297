"""``snakestore completion``: install completion in bash, zsh or fish.

The scripts pass the line up to the cursor to ``snakestore`` in the environment, as click's protocol
for bash does, and get one word a line. Nothing is listed for FILE, so the shell lists files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from snakestore.cli.commands import new_app
from snakestore.cli.console import print_line

_BASH = r"""# completion of snakestore in bash
_snakestore_completion() {
    local line=${COMP_LINE:0:COMP_POINT} word colon i
    mapfile -t COMPREPLY < <(_SNAKESTORE_COMPLETE=complete_bash COMP_CWORD=-1 \
        COMP_WORDS="$line''" "$1" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && -z $COMPREPLY ]]; then COMPREPLY=(); fi
    word=${line##*[[:space:]]}
    # bash completes only what follows the last colon
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then colon=${word%"${word##*:}"}; fi
    for i in "${!COMPREPLY[@]}"; do
        printf -v word %q "${COMPREPLY[i]}"
        COMPREPLY[i]=${word#"$colon"}
    done
}
complete -o default -F _snakestore_completion snakestore
"""
_ZSH = r"""#compdef snakestore
# completion of snakestore in zsh
_snakestore() {
    local -a found
    found=("${(@f)$(_SNAKESTORE_COMPLETE=complete_bash COMP_CWORD=-1 \
        COMP_WORDS="${(j: :)words[1,CURRENT]}''" snakestore 2>/dev/null)}")
    if [[ -n $found ]]; then compadd -a found; else _files; fi
}
compdef _snakestore snakestore
"""
_FISH = r"""# completion of snakestore in fish
function __snakestore_complete
    set -l found (_SNAKESTORE_COMPLETE=complete_bash COMP_CWORD=-1 \
        COMP_WORDS=(commandline -cp)"''" snakestore 2>/dev/null)
    if test -n "$found"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c snakestore -f -a '(__snakestore_complete)'
"""


class Shell(NamedTuple):
    """A shell, and where its completions are; the paths are below the home folder."""

    script: str
    path: str
    settings: str | None
    """The file that has to name the script; None if the shell finds it."""
    line: str


SHELLS = {
    "bash": Shell(
        _BASH,
        ".bash_completions/snakestore.sh",
        ".bashrc",
        "source ~/.bash_completions/snakestore.sh",
    ),
    "zsh": Shell(
        _ZSH, ".zfunc/_snakestore", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
    ),
    "fish": Shell(_FISH, ".config/fish/completions/snakestore.fish", None, ""),
}

app = new_app()


@app.command()
def completion(
    shell: Annotated[
        str | None,
        typer.Argument(
            metavar="SHELL",
            help="bash, zsh or fish; by default the shell that runs this.",
            autocompletion=lambda: list(SHELLS),
        ),
    ] = None,
    *,
    printed: Annotated[
        bool, typer.Option("--print", help="Print the script, and install nothing.")
    ] = False,
) -> None:
    """Install completion for bash, zsh or fish. It completes ids and names too."""
    name = _running_shell() if shell is None else shell
    if name not in SHELLS:
        message = f"choose a shell: {', '.join(SHELLS)}"
        raise typer.BadParameter(message)
    if printed:
        typer.echo(SHELLS[name].script, nl=False)
    else:
        print_line(f"{_installed(SHELLS[name])} is written: start a new {name} to use it")


def _running_shell() -> str:
    import shellingham  # noqa: PLC0415 - takes time, and is needed here alone

    try:
        name, _ = shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        return os.path.basename(os.environ.get("SHELL", ""))
    return str(name)


def _installed(shell: Shell) -> Path:
    path = Path.home() / shell.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(shell.script, "utf-8")
    if shell.settings is not None:
        settings = Path.home() / shell.settings
        text = settings.read_text("utf-8") if settings.exists() else ""
        if shell.line not in text.splitlines():
            separator = "" if text.endswith("\n") or not text else "\n"
            with settings.open("a", encoding="utf-8") as file:
                file.write(f"{separator}{shell.line}\n")
    return path
