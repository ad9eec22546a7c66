"""Laws on classes follow the transition matrices that they state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_labels import CIFAR10, made

from repprobe.noise import corrupt

N = 40_000
DATA = made(np.arange(N) % 10, CIFAR10)


def stated(law, rate):
    """The transition matrix of a law on ten classes, from its definition."""
    eye = np.eye(10)
    if law == "uniform":
        return (1 - rate) * eye + rate / 10
    if law == "symmetric":
        return (1 - rate) * eye + rate / 9 * (1 - eye)
    if law == "pair":
        return (1 - rate) * eye + rate * np.roll(eye, 1, axis=1)
    moved = eye.copy()
    for a, b in [(9, 1), (2, 0), (4, 7), (3, 5), (5, 3)]:
        moved[a, a], moved[a, b] = 1 - rate, rate
    return moved


def deviations(transition, matrix, per_class):
    """How many standard errors each entry of a realized matrix is off."""
    error = np.sqrt(np.maximum(matrix * (1 - matrix), 1e-12) / per_class)
    return np.abs(transition - matrix) / error


@pytest.mark.parametrize("law", ["uniform", "symmetric", "flipped", "pair"])
@pytest.mark.parametrize("rate", [0.2, 0.8, 1.0])
def test_the_realized_matrix_is_the_stated_one(law, rate):
    noisy = corrupt(f"{law}:{rate}", DATA, seed=1)
    matrix = stated(law, rate)
    assert deviations(noisy.transition, matrix, N / 10).max() < 4.5
    assert noisy.rate == pytest.approx(1 - np.trace(matrix) / 10, abs=0.01)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_a_matrix_from_a_file_is_followed(tmp_path, suffix):
    matrix = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
    file = tmp_path / f"matrix{suffix}"
    if suffix == ".csv":
        np.savetxt(file, matrix, delimiter=",")
    else:
        (np.save if suffix == ".npy" else np.savez)(file, matrix)
    data = made(np.arange(30_000) % 3, 3)
    noisy = corrupt(f"matrix:{file}", data)
    assert deviations(noisy.transition, matrix, 10_000).max() < 4.5
    assert (noisy.transition[matrix == 0] == 0).all()


def test_clean_labels_of_the_same_seed_are_no_more_corrupted_than_the_rest():
    from repprobe.data import draws

    noisy = corrupt("uniform:0.5", DATA)
    (drawn,) = draws(noisy.clean, [4000], [0], "classification")
    wrong = noisy.labels != noisy.clean
    assert wrong[drawn.rows].mean() == pytest.approx(wrong.mean(), abs=0.03)


LAWS = st.sampled_from(["uniform", "symmetric", "flipped", "pair", "flipped:blocks", "instance"])
LABELS = st.lists(st.integers(0, 9), min_size=1, max_size=50)
SEEDS = st.integers(0, 2**40)


def data_of(labels):
    return made(labels, CIFAR10, inputs=np.random.default_rng(0).random((len(labels), 3)))


@settings(max_examples=50, deadline=None)
@given(LAWS, LABELS, SEEDS)
def test_rate_0_changes_nothing(law, labels, seed):
    noisy = corrupt(f"{law}:0", data_of(labels), seed=seed)
    assert noisy.labels.tolist() == labels
    assert noisy.rate == 0


@settings(max_examples=100, deadline=None)
@given(LAWS, LABELS, SEEDS, st.floats(0, 1), st.data())
def test_labels_stay_classes_and_do_not_depend_on_the_rows_beside_them(
    law, labels, seed, rate, draw
):
    data = data_of(labels)
    noisy = corrupt(f"{law}:{rate}", data, seed=seed)
    assert noisy.labels.dtype == np.int64
    assert noisy.labels.min() >= 0
    assert noisy.labels.max() < 10
    rows = np.array(draw.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1)))
    some = corrupt(f"{law}:{rate}", data, seed=seed, rows=rows)
    assert np.array_equal(some.labels, noisy.labels[rows])
    assert np.array_equal(some.clean, noisy.clean[rows])


@settings(max_examples=50, deadline=None)
@given(LABELS, SEEDS, st.floats(0, 1))
def test_flipped_noise_moves_classes_of_its_map_and_nowhere_else(labels, seed, rate):
    noisy = corrupt(f"flipped:2>7,7>0:{rate}", made(labels), seed=seed)
    allowed = {(c, c) for c in range(10)} | {(2, 7), (7, 0)}
    assert set(zip(noisy.clean.tolist(), noisy.labels.tolist(), strict=True)) <= allowed


@pytest.mark.parametrize("law", ["uniform", "symmetric", "flipped", "pair"])
def test_seeds_differ_and_repeat(law):
    first, again, other = (corrupt(f"{law}:0.5", DATA, seed=s).labels for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert (first != other).any()


def test_laws_of_one_seed_do_not_share_their_draws():
    moved = [
        corrupt(f"{law}:0.5", DATA).labels != DATA.train.labels for law in ("symmetric", "pair")
    ]
    assert np.mean(moved[0] == moved[1]) == pytest.approx(0.5, abs=0.02)


def test_the_data_are_left_as_they_are():
    before = DATA.train.labels.copy()
    noisy = corrupt("none", DATA)
    noisy.labels[:] = 0
    assert np.array_equal(DATA.train.labels, before)
    assert np.array_equal(noisy.clean, before)
