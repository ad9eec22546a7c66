"""A run folder is written whole or not at all."""

import errno
import os
import subprocess

import pytest

from repprobe.errors import DataError, OutputError
from repprobe.probes.scores import Score, Scores
from repprobe.runs import Run, free_name, read_run, run_folder

RUN = Run(
    Scores([Score("m", "l", 1, 2, "ridge", 1.0, 9, 0, "test", "all", "accuracy", 0.5, 0.4, 0.6)]),
    {"verdict": "fine"},
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path):
    with run_folder(tmp_path / "run") as folder:
        RUN.write(folder)
    back = read_run(tmp_path / "run")
    assert back.scores.rows == RUN.scores.rows
    assert back.info == RUN.info


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_leaves_nothing_not_even_parents(tmp_path, interruption):
    with pytest.raises(interruption), run_folder(tmp_path / "a" / "b" / "run") as folder:
        RUN.write(folder)
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_replaced_whole(tmp_path):
    for content in ("old", "new"):
        with run_folder(tmp_path / "run") as folder:
            RUN.write(folder)
            (folder / content).touch()
    assert names(tmp_path / "run") == ["new", "run.json", "scores.csv"]
    assert names(tmp_path) == ["run"]


def test_an_old_run_survives_a_failed_new_one(tmp_path):
    with run_folder(tmp_path / "run") as folder:
        RUN.write(folder)
    with pytest.raises(ValueError), run_folder(tmp_path / "run"):
        raise ValueError
    assert read_run(tmp_path / "run").info == {"verdict": "fine"}


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputError, match="hold"), run_folder(tmp_path):
        pass
    file = tmp_path / "thesis.tex"
    with pytest.raises(OutputError, match="is a file"), run_folder(file):
        pass
    assert names(tmp_path) == ["thesis.tex"]


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), run_folder(tmp_path / "file" / "x"):
        pass


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(OutputError, match="no space left"), run_folder(tmp_path / "run"):
            pytest.fail("work began although nothing can be written")
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_that_fills_up_during_the_work_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="no space left"), run_folder(tmp_path / "run"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_no_run(tmp_path):
    with pytest.raises(DataError, match="is not the folder of a run"):
        read_run(tmp_path)


def test_a_free_name_is_found(tmp_path):
    assert free_name(tmp_path / "x") == tmp_path / "x"
    (tmp_path / "x").mkdir()
    (tmp_path / "x-2").mkdir()
    assert free_name(tmp_path / "x") == tmp_path / "x-3"
