"""Files that are whole or not there, and what killed writers leave."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from repprobe.atomic import remove_leftovers, whole_file


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="no"), whole_file(path) as stream:
        stream.write(b"half")
        raise ValueError("no")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_may_write_the_same_file_at_once(tmp_path):
    path = tmp_path / "a.pt"
    ready, texts = threading.Barrier(4), [bytes([letter]) * 1000 for letter in b"abcd"]

    def write(text):
        with whole_file(path) as stream:
            ready.wait(10)
            stream.write(text)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, texts))
    assert path.read_bytes() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed(tmp_path):
    path = tmp_path / "a[1].pt"
    code = f"""
import os, signal
from pathlib import Path
from repprobe.atomic import whole_file
with whole_file(Path({str(path)!r})) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    names = (".a[1].pt.x7", f".a[1].pt.{os.getpid()}-0a", ".b.pt.99-0a")
    others = [tmp_path / name for name in names]
    for other in others:
        other.touch()
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == sorted(others)
