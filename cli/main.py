"""The entry point: how errors and Ctrl-C become exit statuses.

The commands are imported inside `run`: Ctrl-C while Python reads them ends as cleanly as later.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from repprobe.errors import RepprobeError


def run() -> None:
    """Run the command line: 0, 2 for what the user can mend, 130 after Ctrl-C."""
    # Threads that spin while they wait take the core away from whoever else works on the
    # machine, and then from each other: many small products become twenty times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from .app import Abort, ClickError, Interrupted, app

        try:
            status = app(standalone_mode=False)
        except ClickError as error:
            _fail(error.format_message(), error.exit_code)
        except (Interrupted, Abort) as interrupt:
            raise KeyboardInterrupt(str(interrupt)) from None
    except RepprobeError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt as interrupt:
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
