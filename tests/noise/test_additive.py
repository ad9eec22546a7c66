"""Laws on regression targets have the distributions that they state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_labels import made_targets
from scipy import stats

from repprobe.errors import UsageError
from repprobe.noise import corrupt

N = 20_000
DATA = made_targets(np.arange(N) / 7)

DISTRIBUTIONS = {
    "gaussian:10,15": stats.norm(10, 15),
    "gaussian:0,40": stats.norm(0, 40),
    "gamma:2,15": stats.gamma(2, loc=-30, scale=15),
    "student-t": stats.t(1),
    "student-t:3,5": stats.t(3, scale=5),
}


@pytest.mark.parametrize("law", DISTRIBUTIONS)
@pytest.mark.parametrize("rate", [0.25, 1.0])
def test_what_is_added_is_distributed_as_stated(law, rate):
    noisy = corrupt(f"{law}:{rate}", DATA, seed=2)
    added = (noisy.labels - noisy.clean)[noisy.labels != noisy.clean]
    assert noisy.rate == pytest.approx(rate, abs=0.015)
    assert stats.kstest(added, DISTRIBUTIONS[law].cdf).pvalue > 1e-3


def test_gamma_noise_has_mean_0():
    noisy = corrupt("gamma:2,15:1", DATA)
    error = 15 * np.sqrt(2 / N)
    assert abs((noisy.labels - noisy.clean).mean()) < 4 * error


def test_noise_does_not_depend_on_the_target():
    noisy = corrupt("gaussian:0,40:1", DATA)
    correlation = np.corrcoef(noisy.clean, noisy.labels - noisy.clean)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(N)


def test_all_targets_of_an_example_are_hit_or_none():
    data = made_targets(np.zeros((N, 3)))
    noisy = corrupt("gaussian:0,1:0.5", data)
    hit = noisy.labels != 0
    assert (hit.all(axis=1) == hit.any(axis=1)).all()
    assert noisy.rate == pytest.approx(0.5, abs=0.015)
    added = noisy.labels[hit.all(axis=1)]
    assert abs(np.corrcoef(added.T)[0, 1]) < 0.05


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([*DISTRIBUTIONS]), st.integers(0, 2**40), st.floats(0, 1), st.data())
def test_rate_0_changes_nothing_and_rows_are_a_choice(law, seed, rate, draw):
    data = made_targets(np.linspace(-3, 3, 30))
    assert np.array_equal(corrupt(f"{law}:0", data, seed=seed).labels, data.train.labels)
    rows = np.array(draw.draw(st.lists(st.integers(0, 29), min_size=1)))
    whole, some = (corrupt(f"{law}:{rate}", data, seed=seed, rows=r) for r in (None, rows))
    assert np.array_equal(some.labels, whole.labels[rows])
    assert (some.classes, some.transition) == (0, None)


def test_seeds_differ():
    first, other = (corrupt("gaussian:0,1:1", DATA, seed=s).labels for s in (0, 1))
    assert (first != other).all()


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("gaussian:0.5", r"MEAN and STD are missing; write gaussian:MEAN,STD:R\."),
        ("gamma:0.5", "K and THETA are missing"),
        ("gaussian:1:0.5", "'1' must be 2 numbers, as in 1,2"),
        ("gaussian:1,2,3:0.5", "must be 2 numbers"),
        ("gaussian:1,2", "'1,2' must be a single number"),
        ("gaussian:1,x:0.5", "STD must be a number, not 'x'"),
        ("gaussian:nan,1:0.5", "MEAN must be a number, not 'nan'"),
        ("gaussian:1,0:0.5", "STD must be above 0, not 0"),
        ("gamma:-2,15:0.5", "K must be above 0, not -2"),
        ("student-t:0,1:0.5", "DF must be above 0"),
        ("student-t:1,2:1.5", "between 0 and 1, not 1.5"),
        ("student-t:0.001,1:1", "gives infinite labels"),
    ],
)
def test_parameters_that_make_no_sense(law, message):
    with pytest.raises(UsageError, match=message):
        corrupt(law, DATA)
