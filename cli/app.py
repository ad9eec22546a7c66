"""The commands, their help, and the options of the program itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from .demo import demo
from .fix import fix
from .inspect import inspect as inspect_command
from .layers import layers
from .train import train

app = typer.Typer(
    name="repprobe",
    help="Find the layers of a trained network that still know the truth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Interrupted(Exception):
    """Ctrl-C during a command; typer would turn it into a status without a word."""


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def called(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(str(interrupt)) from None

    return called


def _flowing(text: str) -> str:
    """Return a docstring with a line per paragraph, which the help breaks to the screen's width."""
    return "\n\n".join(" ".join(p.split()) for p in inspect.cleandoc(text).split("\n\n"))


for _command in (layers, fix, train, inspect_command, demo):
    app.command(help=_flowing(_command.__doc__ or ""))(_interruptible(_command))

# The base of all complaints about the command line: where it stands depends on the version.
ClickError: Any = typer.BadParameter.__mro__[2]

Abort = typer.Abort
"""What typer makes of Ctrl-C before a command has begun."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from repprobe import __version__

        typer.echo(f"repprobe {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass
