"""Whatever a builder raises becomes one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from repprobe.errors import CheckpointError, RepprobeError


@contextlib.contextmanager
def one_line(label: str) -> Iterator[None]:
    """Turn whatever a builder raises into one CheckpointError."""
    try:
        yield
    except RepprobeError:
        raise
    except (Exception, SystemExit) as err:
        raise CheckpointError(f"{label} cannot be built: {reason(err)}.") from err


def reason(err: BaseException) -> str:
    """Return the kind of an error and the first line of its message."""
    lines = str(err).strip().splitlines() or ["no reason given"]
    return f"{type(err).__name__}: {lines[0][:160].rstrip('.')}"
