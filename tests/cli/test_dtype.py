"""`--dtype` and `--memory`: half precision and small batches from the command line."""

import pytest

from repprobe.runs import read_run

COMMON = ("--data", "digits", "--clean", 200, "--device", "cpu")


@pytest.mark.parametrize("probe", ["least-squares", "ridge", "logistic", "knn"])
def test_bfloat16_gives_nearly_the_accuracies_of_float32(
    repprobe, digits_checkpoint, tmp_path, probe
):
    figures = []
    for dtype in ("float32", "bfloat16"):
        result = repprobe(
            "layers", digits_checkpoint, *COMMON, "--probe", probe, "--dtype", dtype, "-o", dtype
        )
        assert result.status == 0, result.err
        run = read_run(tmp_path / dtype)
        assert run.info["settings"]["dtype"] == dtype
        figures.append({r.layer: r.value for r in run.scores.summary()})
    assert figures[0].keys() == figures[1].keys()
    for layer, value in figures[0].items():
        assert figures[1][layer] == pytest.approx(value, abs=0.06), layer


@pytest.mark.parametrize(
    ("dtype", "message"),
    [("float16", "take --dtype bfloat16"), ("half", "no floating-point type is named 'half'")],
)
def test_types_that_cannot_be_used_are_said(repprobe, digits_checkpoint, dtype, message):
    result = repprobe("layers", digits_checkpoint, *COMMON, "--dtype", dtype)
    assert result.status == 2
    assert message in result.err


def test_a_batch_that_memory_does_not_allow_is_lowered_and_said(repprobe, digits_checkpoint):
    result = repprobe(
        "layers", digits_checkpoint, *COMMON, "--batch-size", 900, "--memory", "1M", "-l", "linear"
    )
    assert result.status == 0
    assert "more than --memory allows" in result.err
