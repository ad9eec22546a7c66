"""A named data set is fetched once, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import socket
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from repprobe.data.names import KNOWN, VARIABLE, cache_folder
from repprobe.errors import DataError

TIMEOUT = 30.0
"""Seconds without an answer after which a server is given up."""

TU = "https://www.chrsmrrs.com/graphkerneldatasets"
"""Where the TU Dortmund collections of graphs are, as torch-geometric has it."""

_log = logging.getLogger("repprobe.data")


def fetch(name: str) -> Path:
    """Fetch a data set of images into the user's cache and return its folder there.

    torchvision checks what it fetched; the folder appears only when everything is there. Raises
    DataError, which says where the files can be put by hand.
    """

    def get(folder: Path) -> None:
        import torchvision.datasets

        getattr(torchvision.datasets, KNOWN[name].torchvision)(folder, train=False, download=True)

    return _fetch(name, get, advice(name))


def fetch_tu(collection: str) -> Path:
    """Fetch a collection of graphs in the same way."""

    def get(folder: Path) -> None:
        with urllib.request.urlopen(f"{TU}/{collection}.zip", timeout=TIMEOUT) as answer:
            content = io.BytesIO(answer.read())
        with zipfile.ZipFile(content) as archive:
            for member in archive.namelist():
                if member.endswith(".txt"):
                    (folder / PurePosixPath(member).name).write_bytes(archive.read(member))

    return _fetch(collection.lower(), get, tu_advice(collection))


def _fetch(name: str, get: Callable[[Path], None], way_out: str) -> Path:
    target = cache_folder(name)
    _log.info("downloading %s to %s", name, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    except OSError as err:
        raise DataError(f"cannot write to '{target.parent}': {err.strerror}. {way_out}") from err
    try:
        with _quiet():
            get(aside)
        if not target.exists():
            aside.rename(target)
    # Whatever went wrong on the network or on the disk, the way out is the same.
    except Exception as err:
        reason = " ".join(str(err).split())
        raise DataError(f"could not download {name} ({reason}). {way_out}") from err
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def advice(name: str) -> str:
    """Return the sentence that says how to provide the data set by hand."""
    known = KNOWN[name]
    package = f", or install the Debian package {known.package}" if known.package else ""
    files = f"{known.folder}, Parquet or .npz" if known.torchvision else "as they are distributed"
    return f"Put its files ({files}) into the folder {name} under ${VARIABLE}{package}."


def tu_advice(collection: str) -> str:
    """Return the same for a collection of graphs."""
    return (
        f"Put its files ({collection}_A.txt, … of {collection}.zip from {TU}) into the folder "
        f"{collection} under ${VARIABLE}."
    )


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
