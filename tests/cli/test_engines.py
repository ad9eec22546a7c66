"""`--engine` and `--distance` on the command line."""

import pytest
import torch

from repprobe.runs import read_run


def test_cuml_without_a_gpu_is_refused(repprobe, digits_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = repprobe("layers", digits_checkpoint, "-d", "digits", "--engine", "cuml")
    assert result.status == 2
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert "CUDA device" in line and "--engine torch" in line
    assert not list(tmp_path.rglob("scores.csv"))


def test_neighbours_can_be_near_by_the_cosine(repprobe, digits_checkpoint, tmp_path):
    found = {}
    for distance in ("euclidean", "cosine"):
        for engine in ("torch", "sklearn"):
            out = f"{distance}-{engine}"
            result = repprobe(
                *("layers", digits_checkpoint, "-d", "digits", "--clean", 150, "-l", "linear"),
                *("--probe", "knn", "--distance", distance, "--engine", engine, "-o", out),
            )
            assert result.status == 0, result.err
            run = read_run(tmp_path / out)
            assert run.info["settings"]["distance"] == distance
            found[distance, engine] = [row.value for row in run.scores.summary()]
        assert found[distance, "torch"] == pytest.approx(found[distance, "sklearn"], abs=0.01)
    assert found["euclidean", "torch"] != found["cosine", "torch"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--probe", "knn", "--distance", "cosin"], "did you mean cosine"),
        (["--distance", "cosine"], "--probe knn"),
        (["--probe", "ridge", "--distance", "euclidean"], "--probe knn"),
    ],
)
def test_a_distance_that_cannot_be_is_refused(repprobe, digits_checkpoint, arguments, named):
    result = repprobe("layers", digits_checkpoint, "-d", "digits", *arguments)
    assert result.status == 2
    (line,) = result.err.splitlines()
    assert named in line
