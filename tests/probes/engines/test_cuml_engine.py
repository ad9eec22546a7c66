"""The cuML engine without CUDA: what it asks for, and what it makes of the library's answers."""

import sys

import fake_cuml
import numpy as np
import pytest
import torch

from repprobe.errors import UsageError
from repprobe.probes.engines import LabelSet, get_engine
from repprobe.probes.fitting import fit_probe


@pytest.fixture
def modules(monkeypatch):
    """A stand-in for cuml and cupy, and a CUDA device that torch believes in."""
    found = fake_cuml.modules()
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    return found


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="needs a CUDA device and there is none"):
        get_engine("cuml")


def test_without_the_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "cuml", None)
    with pytest.raises(UsageError, match=r"pip install 'repprobe\[gpu\]'"):
        get_engine("cuml", "cuda")


def test_it_does_not_run_on_another_device(modules):
    with pytest.raises(UsageError, match="not on 'cpu'; take --device cuda"):
        get_engine("cuml", "cpu")


def test_it_uses_the_device_that_was_named(modules):
    get_engine("cuml", "cuda")
    assert modules["cupy"].used == []
    get_engine("cuml", "cuda:1")
    assert modules["cupy"].used == [1]


def test_a_fit_that_the_library_cut_short_is_marked(modules, monkeypatch):
    class Hasty(fake_cuml.LogisticRegression):
        def __init__(self, **options):
            super().__init__(**{**options, "max_iter": 2})

    monkeypatch.setattr(modules["cuml"].linear_model, "LogisticRegression", Hasty)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(200, 20)), generator.integers(0, 4, 200)
    (short,) = get_engine("cuml", "cuda").logistic(x, [LabelSet(y, 4)], [10.0], None)
    (whole,) = get_engine("sklearn").logistic(x, [LabelSet(y, 4)], [10.0], None)
    assert whole.converged.all() and not short.converged.any()
    assert short.objective[0] > whole.objective[0]
    assert short.gradient_norm[0] > whole.gradient_norm[0]


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_neighbours_that_the_library_confuses_are_put_right(modules, distance):
    generator = np.random.default_rng(0)
    x = np.repeat(generator.normal(size=(40, 8)), 4, 0) + 1e-7 * generator.normal(size=(160, 8))
    x[:3] = 0
    ours = get_engine("cuml", "cuda").neighbours(x, x, 3, True, distance)
    exact = get_engine("torch").neighbours(x, x, 3, True, distance)
    np.testing.assert_array_equal(ours[3:], exact[3:])
    assert (ours != np.arange(160)[:, None]).all()


@pytest.mark.parametrize("kind", ["ridge", "least-squares", "logistic", "knn"])
def test_probes_are_fitted_with_it(modules, kind):
    generator = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = (generator.normal(size=(120, 6)) + 3 * np.eye(3, 6)[y]).astype(np.float32)
    folds = np.arange(120) // 3 % 5
    probe = fit_probe(kind, x, y, 3, get_engine("cuml", "cuda"), folds)
    assert (probe.scores(x).argmax(1) == y).mean() > 0.9
