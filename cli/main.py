"""The entry point: which commands there are, and how errors become exit statuses."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any

import typer

from repprobe.errors import RepprobeError

from .demo import demo
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


app.command()(_interruptible(layers))
app.command()(_interruptible(train))
app.command()(_interruptible(demo))

# The base of all complaints about the command line: where it stands depends on the version.
_ClickError: Any = typer.BadParameter.__mro__[2]


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


def run() -> None:
    """Run the command line: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    # Threads that spin while they wait take the core away from whoever else works on the
    # machine, and then from each other: many small products become twenty times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        status = app(standalone_mode=False)
    except _ClickError as error:
        _fail(error.format_message(), error.exit_code)
    except RepprobeError as error:
        _fail(str(error), 2)
    except (Interrupted, KeyboardInterrupt) as interrupt:
        _fail(f"interrupted: {interrupt}" if str(interrupt) else "interrupted", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    line = " ".join(message.split())
    print(f"repprobe: {line}", file=sys.stderr)
    sys.exit(status)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave through the same doors as after Ctrl-C, so that nothing half-written stays."""
    sys.exit(128 + number)


if __name__ == "__main__":
    run()
