"""Files that are whole or not there, and what killed writers leave."""

import os
import subprocess
import sys

import pytest

from repprobe.checkpoints.atomic import remove_leftovers, whole_file


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="no"), whole_file(path) as stream:
        stream.write(b"half")
        raise ValueError("no")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed(tmp_path):
    path = tmp_path / "a[1].pt"
    code = f"""
import os, signal
from pathlib import Path
from repprobe.checkpoints.atomic import whole_file
with whole_file(Path({str(path)!r})) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    others = [tmp_path / name for name in (".a[1].pt.x7", f".a[1].pt.{os.getpid()}", ".b.pt.99")]
    for other in others:
        other.touch()
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == sorted(others)
