"""Runs the command line in this process and gives what it printed and its exit status."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def repprobe(capsys, monkeypatch, tmp_path):
    """Call the command line as a user does, in an empty folder."""
    from repprobe.cli.main import run

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["repprobe", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            run()
        printed = capsys.readouterr()
        return Result(left.value.code, printed.out, printed.err)

    return call
