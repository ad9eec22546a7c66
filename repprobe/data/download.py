"""A named data set is fetched once through torchvision, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from repprobe.data.names import KNOWN, VARIABLE, cache_folder
from repprobe.errors import DataError

TIMEOUT = 30.0
"""Seconds without an answer after which a server is given up."""

_log = logging.getLogger("repprobe.data")


def fetch(name: str) -> Path:
    """Fetch the data set into the user's cache and return its folder there.

    torchvision checks what it fetched; the folder appears only when everything is there. Raises
    DataError, which says where the files can be put by hand.
    """
    known, target = KNOWN[name], cache_folder(name)
    _log.info("downloading %s to %s", name, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    except OSError as err:
        raise DataError(f"cannot write to '{target.parent}': {err.strerror}. {advice(name)}") from (
            err
        )
    try:
        with _quiet():
            import torchvision.datasets

            getattr(torchvision.datasets, known.torchvision)(aside, train=False, download=True)
        if not target.exists():
            aside.rename(target)
    # Whatever went wrong on the network or on the disk, the way out is the same.
    except Exception as err:
        reason = " ".join(str(err).split())
        raise DataError(f"could not download {name} ({reason}). {advice(name)}") from err
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def advice(name: str) -> str:
    """Return the sentence that says how to provide the data set by hand."""
    known = KNOWN[name]
    package = f", or install the Debian package {known.package}" if known.package else ""
    files = f"{known.folder}, Parquet or .npz" if known.torchvision else "as they are distributed"
    return f"Put its files ({files}) into the folder {name} under ${VARIABLE}{package}."


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torchvision's progress bar and messages off the terminal, and bound its patience."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(patience)
