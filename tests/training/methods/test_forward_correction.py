"""T from a file, or estimated after a warm-up."""

import math

import numpy as np
import pytest
import torch
from fakes import Epoch, Examples, blobs, learn, made_networks, symmetric_noise

from repprobe.errors import DataError, UsageError
from repprobe.training.methods import build
from repprobe.training.methods.forward_correction import estimated_transition

TRUE = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.8, 0.2], [0.3, 0.1, 0.6]], dtype=torch.float64)


@pytest.mark.parametrize("percentile", [100, 97])
def test_the_estimate_is_near_the_truth_where_the_network_is_right(percentile):
    # a network that fits the noise says Tᵀp of every example; most are surely of one class
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(3000) % 3
    sure = 1 - 0.02 * torch.rand(3000, generator=generator, dtype=torch.float64)
    p = torch.eye(3, dtype=torch.float64)[classes] * sure[:, None]
    p += ((1 - sure) / 3)[:, None]
    estimate = estimated_transition((p @ TRUE).log() - 3, percentile)
    assert (estimate - TRUE).abs().max() < 0.02
    torch.testing.assert_close(estimate.sum(1), torch.ones(3, dtype=torch.float64))


def test_it_reads_rows_as_the_paper_and_its_code_do():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(500, 4)))
    p = logits.softmax(1).numpy()
    for percentile in (97, 90):
        rows = []
        for i in range(4):  # as in the authors' code
            column = p[:, i].copy()
            column[column >= np.percentile(column, percentile, method="higher")] = 0
            rows.append(p[np.argmax(column)])
        np.testing.assert_allclose(estimated_transition(logits, percentile), rows)
    np.testing.assert_allclose(estimated_transition(logits, 100), p[p.argmax(0)])


def test_equal_probabilities_do_not_lead_to_another_class():
    logits = 100 * torch.eye(2)[torch.arange(40) % 2]
    torch.testing.assert_close(estimated_transition(logits, 97), torch.eye(2, dtype=torch.float64))


def test_after_the_warm_up_the_loss_is_corrected_with_the_estimate():
    x, true = blobs(600)
    method = build("forward", warmup=4, percentile=97)
    examples = Examples(x, symmetric_noise(true, 0.4, 3), 3)
    networks, optimizers = made_networks(method, 2, 3)
    method.begin(examples)
    learn(method, networks, optimizers, examples, 5, last=4)
    assert method.state() == {}
    learn(method, networks, optimizers, examples, 5, first=4)
    expected = torch.full((3, 3), 0.2, dtype=torch.float64).fill_diagonal_(0.6)
    assert (method.state()["transition"] - expected).abs().max() < 0.15


@pytest.mark.parametrize(("name", "warmup"), [("forward", 3), ("forward", None), ("dividemix", 3)])
def test_a_run_too_short_for_its_warm_up_is_refused(name, warmup):
    method = build(name, warmup=warmup)
    method.check_epochs((warmup or 1) + 1)
    with pytest.raises(UsageError, match=f"{warmup or 1} epochs of warm-up, but the run has"):
        method.check_epochs(warmup or 1)


def test_with_a_given_matrix_there_is_no_warm_up_and_examples_are_not_kept():
    given, estimating = build("forward", transition="T.npy", warmup=3), build("forward")
    given.check_epochs(1)
    assert (given.keeps_examples, estimating.keeps_examples) == (False, True)


def test_the_warm_up_takes_a_tenth_of_the_run():
    x, true = blobs(60)
    method = build("forward")
    examples = Examples(x, true, 3)
    networks, optimizers = made_networks(method, 2, 3)
    method.begin(examples)
    learn(method, networks, optimizers, examples, 25, last=2)
    assert method.state() == {}
    learn(method, networks, optimizers, examples, 25, first=2, last=3)
    assert "transition" in method.state()


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_a_given_matrix_is_used_from_the_first_epoch_on(tmp_path, suffix):
    path = tmp_path / f"T.{suffix}"
    if suffix == "npy":
        np.save(path, TRUE.numpy())
    else:
        np.savetxt(path, TRUE.numpy(), delimiter=",")
    x, true = blobs(30)
    examples = Examples(x, true, 3, batch_size=30)
    method = build("forward", transition=str(path))
    method.begin(examples)
    torch.testing.assert_close(method.state()["transition"], TRUE)
    epoch = Epoch(0, 1, examples, [lambda inputs: torch.zeros(inputs.count, 3)])
    (turn,) = method.turns(epoch)
    columns = TRUE.sum(0) / 3  # Tᵀp of a network that knows nothing
    expected = -columns.log().mean().item()
    assert method.losses(epoch, turn)[0].item() == pytest.approx(expected)
    assert expected != pytest.approx(math.log(3), abs=1e-3)


@pytest.mark.parametrize(
    ("matrix", "error", "words"),
    [
        (np.eye(4), DataError, "shape"),
        (np.full((3, 3), 0.3), DataError, "row 0 .* sums to 0.9"),
        (np.array([[2, -1, 0], [0, 1, 0], [0, 0, 1]]), DataError, "row 0"),
        (np.full((3, 3), np.nan), DataError, "row 0"),
        (np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 1, 0]]), UsageError, "label 2"),
        (np.array([["a"] * 3] * 3), DataError, "numbers"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(tmp_path, matrix, error, words):
    np.save(tmp_path / "T.npy", matrix)
    x, true = blobs(30)
    with pytest.raises(error, match=words):
        build("forward", transition=str(tmp_path / "T.npy")).begin(Examples(x, true, 3))


def test_a_missing_file_is_named(tmp_path):
    x, true = blobs(30)
    with pytest.raises(DataError, match=r"T\.csv"):
        build("forward", transition=str(tmp_path / "T.csv")).begin(Examples(x, true, 3))
