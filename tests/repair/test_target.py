"""Files are put in place together, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from repprobe import load_data, load_model
from repprobe.errors import OutputError
from repprobe.repair import target
from repprobe.repair.job import Job
from repprobe.repair.settings import FixSettings

NOISY = Path(__file__).resolve().parents[2] / "examples" / "noisy-digits.pt"


@pytest.fixture
def second_fails(monkeypatch):
    """Let the file of a program be one that cannot be renamed."""
    replace = Path.replace

    def failing(self, other):
        if Path(other).suffix == ".pt2":
            raise OSError(28, "No space left on device")
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", failing)


@pytest.mark.usefixtures("second_fails")
@pytest.mark.parametrize("existed", [True, False])
def test_where_the_second_file_cannot_be_placed_the_first_is_as_before(tmp_path, one_line, existed):
    job = Job.of(NOISY, load_data("digits"), FixSettings(), None)
    out, export = tmp_path / "f.pt", tmp_path / "f.pt2"
    if existed:
        out.write_bytes(b"before")
    with pytest.raises(OutputError) as caught:
        target.write(job, [load_model(NOISY)], out, export)
    one_line(caught, "f.pt2", "No space left")
    assert [p.name for p in tmp_path.iterdir()] == (["f.pt"] if existed else [])
    assert not existed or out.read_bytes() == b"before"


def test_a_file_that_answers_no_numbers_is_not_put_in_place(tmp_path, one_line, monkeypatch):
    job = Job.of(NOISY, load_data("digits"), FixSettings(), None)
    given = iter([np.zeros((4, 10)), np.full((4, 10), np.nan)])
    monkeypatch.setattr(target, "answers", lambda *_, **__: next(given))
    with pytest.raises(OutputError) as caught:
        target.write(job, [load_model(NOISY)], tmp_path / "f.pt", None)
    one_line(caught, "does not answer as the network")
    assert not list(tmp_path.iterdir())
