"""Paths of logistic regression: early or whole, alone or together, the minima are the same."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from repprobe.probes.engines import LabelSet, get_engine
from repprobe.probes.engines.torch_engine import engine as torch_engine
from repprobe.probes.engines.torch_engine import logistic, logistic_paths

GRID = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]
ENGINE = get_engine("torch")


def made(n=200, d=15, classes=(3,), seed=0):
    """Standardized features with copies among them, and noisy labels that they tell of."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) @ generator.normal(size=(d, d))
    x[:, 1] = x[:, 0]
    x = (x - x.mean(0)) / x.std(0)
    sets = []
    for k in classes:
        scores = x @ generator.normal(size=(d, k)) / 2 + generator.gumbel(size=(n, k))
        sets.append(LabelSet(scores.argmax(1).astype(np.int64), k))
    return x, sets, np.arange(n) % 5


@pytest.fixture(params=["float64", "float32"])
def precision(request, monkeypatch):
    """Solve small problems as small ones are, or in float32 up to the last digits."""
    if request.param == "float32":
        monkeypatch.setattr(torch_engine, "_SMALL", 0)


def objective(x, y, w, b, strength):
    scores = x @ w + b
    highest = scores.max(1)
    logs = np.log(np.exp(scores - highest[:, None]).sum(1)) + highest
    loss = (logs - scores[np.arange(len(y)), y]).mean()
    return loss + (w**2).sum() / (2 * strength * len(y))


def probabilities(x, path, point):
    scores = x @ path.coefficients[point] + path.intercepts[point]
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_early_path_ends_at_the_best_point_of_the_whole_one(precision, classes, seed):
    x, (labels,), folds = made(classes=(classes,), seed=seed)
    x = x.astype(np.float32)
    (early,) = ENGINE.logistic(x, [labels], GRID, folds)
    (whole,) = ENGINE.logistic(x, [labels], GRID, folds, whole=True)
    best = whole.best
    assert 0 < len(early.tried) < len(GRID) == len(whole.tried)
    np.testing.assert_array_equal(early.tried, GRID[: len(early.tried)])
    np.testing.assert_allclose(
        early.held_out_loss, whole.held_out_loss[: len(early.tried)], rtol=1e-6
    )
    assert early.regularization.tolist() == [whole.regularization[best]]
    np.testing.assert_allclose(early.objective[0], whole.objective[best], rtol=1e-7)
    ends = [probabilities(x, early, 0), probabilities(x, whole, best)]
    np.testing.assert_allclose(*ends, atol=1e-4)
    np.testing.assert_allclose(early.held_out_scores, whole.held_out_scores, atol=1e-4)
    assert early.converged.all() and whole.converged.all()


def test_every_point_of_a_path_is_scikit_learns_minimum(precision):
    x, (labels,), _ = made(classes=(4,))
    x = x.astype(np.float32)
    (path,) = ENGINE.logistic(x, [labels], GRID, None)
    assert path.converged.all()
    for i, strength in enumerate(GRID):
        model = LogisticRegression(C=strength, tol=1e-9, max_iter=10_000)
        model.fit(x.astype(np.float64), labels.y)
        least = objective(x, labels.y, model.coef_.T, model.intercept_, strength)
        reached = objective(x, labels.y, path.coefficients[i], path.intercepts[i], strength)
        assert reached == pytest.approx(least, rel=1e-5)
        assert path.objective[i] == pytest.approx(reached, rel=1e-6)


def test_left_out_examples_are_judged_by_scikit_learns_fits_without_them():
    x, (labels,), folds = made(classes=(3,))
    (path,) = ENGINE.logistic(x, [labels], GRID, folds, whole=True)
    expected = []
    for strength in GRID:
        scores = np.empty((len(x), 3))
        for fold in range(5):
            out = folds == fold
            model = LogisticRegression(C=strength, tol=1e-9, max_iter=10_000)
            scores[out] = model.fit(x[~out], labels.y[~out]).decision_function(x[out])
        highest = scores.max(1, keepdims=True)
        logs = scores - highest - np.log(np.exp(scores - highest).sum(1, keepdims=True))
        expected.append(-logs[np.arange(len(x)), labels.y].mean())
        if strength == path.regularization[path.best]:
            logp = path.held_out_scores - path.held_out_scores.max(1, keepdims=True)
            logp -= np.log(np.exp(logp).sum(1, keepdims=True))
            np.testing.assert_allclose(logp, logs, atol=0.05)
    np.testing.assert_allclose(path.held_out_loss, expected, rtol=3e-3)


@pytest.mark.parametrize("whole", [False, True])
def test_label_sets_with_different_classes_are_fitted_as_if_alone(whole):
    x, sets, folds = made(classes=(3, 2, 7, 3))
    together = ENGINE.logistic(x, sets, GRID, folds, whole)
    assert [path.intercepts.shape[1] for path in together] == [3, 2, 7, 3]
    for labels, path in zip(sets, together, strict=True):
        (alone,) = ENGINE.logistic(x, [labels], GRID, folds, whole)
        np.testing.assert_array_equal(path.tried, alone.tried)
        np.testing.assert_array_equal(path.regularization, alone.regularization)
        assert path.best == alone.best
        np.testing.assert_allclose(path.held_out_loss, alone.held_out_loss, rtol=1e-6)
        np.testing.assert_allclose(path.objective, alone.objective, rtol=1e-9)
        for point in range(len(path.regularization)):
            ends = [probabilities(x, one, point) for one in (path, alone)]
            np.testing.assert_allclose(*ends, atol=1e-4)


def test_problems_that_do_not_fit_into_memory_together_are_solved_in_turn(monkeypatch):
    x, sets, folds = made(classes=(3, 3))
    at_once = ENGINE.logistic(x, sets, GRID, folds)
    monkeypatch.setattr(logistic_paths, "LOGITS", 1)
    for one, other in zip(at_once, ENGINE.logistic(x, sets, GRID, folds), strict=True):
        np.testing.assert_array_equal(one.tried, other.tried)
        np.testing.assert_allclose(one.held_out_loss, other.held_out_loss, rtol=1e-6)
        np.testing.assert_allclose(probabilities(x, one, 0), probabilities(x, other, 0), atol=1e-4)


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("others", [0, 1])
def test_one_class_alone_has_no_minimum_and_ends_soon(others, monkeypatch):
    taken, step = [], logistic._State.step
    monkeypatch.setattr(logistic._State, "step", lambda self: taken.append(step(self)))
    x, _, folds = made(n=300, d=40)
    y = np.zeros(len(x), np.int64)
    y[:others] = 1  # a fold without it has one class
    (path,) = ENGINE.logistic(x, [LabelSet(y, 10)], GRID, folds)
    assert len(taken) < 500
    assert path.converged.all()
    assert np.isfinite(path.coefficients).all()
    said = (x @ path.coefficients[path.best] + path.intercepts[path.best]).argmax(1)
    assert (said[others:] == 0).all()
