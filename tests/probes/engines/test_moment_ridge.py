"""Ridge from the moments of folds is scikit-learn's ridge on the rows that a fold leaves."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from repprobe.probes.engines.torch_engine import moment_ridge
from repprobe.probes.engines.torch_engine.moment_ridge import MomentRidge
from repprobe.probes.moments import MomentSums

GRID = [1e-2, 1.0, 100.0, 1e4]


def made(n, d, targets, seed=0):
    """Standardized features of very unequal directions, and targets that they tell of."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(d, d)) * np.logspace(0, -2, d)
    x = generator.normal(size=(n, d)) @ mixing.T
    x = (x - x.mean(0)) / x.std(0)
    y = x @ generator.normal(size=(d, targets)) / np.sqrt(d) + generator.normal(size=(n, targets))
    return x, y + 5, generator.integers(0, 5, n)


def moments(x, y, folds, count=5):
    cells = []
    for fold in range(count):
        sums = MomentSums(torch.zeros(x.shape[1]), y.shape[1])
        sums.add(torch.from_numpy(x[folds == fold]), torch.from_numpy(y[folds == fold]))
        cells.append(sums.moments())
    return cells


def fitted(x, y, alpha):
    """Return coefficients and intercepts; of least squares those of minimum norm."""
    if alpha:
        model = Ridge(alpha=alpha, solver="svd").fit(x, y)
        return model.coef_.T, model.intercept_
    w, *_ = np.linalg.lstsq(x - x.mean(0), y - y.mean(0), rcond=1e-6)
    return w, y.mean(0) - x.mean(0) @ w


def losses(x, y, folds, grid):
    found = []
    for alpha in grid:
        error = np.empty_like(y)
        for fold in np.unique(folds):
            out = folds == fold
            w, b = fitted(x[~out], y[~out], alpha)
            error[out] = y[out] - x[out] @ w - b
        found.append((error**2).sum(1).mean())
    return np.array(found)


def check(path, x, y, folds, grid, rtol):
    np.testing.assert_allclose(path.held_out_loss, losses(x, y, folds, grid), rtol=rtol)
    best = grid[int(np.argmin(path.held_out_loss))]
    assert (path.tried.tolist(), path.regularization.tolist()) == (list(grid), [best])
    w, b = fitted(x, y, best)
    np.testing.assert_allclose(path.coefficients[0], w, rtol=1e-6, atol=1e-6 * np.abs(w).max())
    np.testing.assert_allclose(path.intercepts[0], b, rtol=1e-8)
    objective = (((y - x @ w - b) ** 2).sum() + best * (w**2).sum()) / len(x)
    assert path.objective[0] == pytest.approx(objective, rel=1e-8, abs=1e-9)
    assert path.gradient_norm[0] < 1e-8
    assert path.converged[0]
    assert path.held_out_scores is None


@pytest.fixture
def ways(monkeypatch):
    """Note for every fold which way it was fitted, and whether that led to an end."""
    noted = []

    def watch(name):
        method = getattr(moment_ridge._Fold, name)

        def way(self, alphas):
            found = method(self, alphas)
            noted.append((name, found is not None))
            return found

        monkeypatch.setattr(moment_ridge._Fold, name, way)

    watch("iterate")
    watch("decompose")
    return noted


def test_many_rows_are_solved_by_conjugate_gradients(ways):
    x, y, folds = made(700, 300, 3)
    (path,) = MomentRidge(moments(x, y, folds)).paths([3], GRID)
    assert ways == [("iterate", True)] * 5
    check(path, x, y, folds, GRID, rtol=1e-4)


@pytest.mark.parametrize(("n", "d"), [(120, 300), (500, 300), (200, 40), (30, 40)])
def test_few_rows_or_features_are_decomposed_fold_by_fold(ways, n, d):
    x, y, folds = made(n, d, 3)
    (path,) = MomentRidge(moments(x, y, folds)).paths([3], GRID)
    assert ways == [("decompose", True)] * 5
    check(path, x, y, folds, GRID, rtol=1e-7)


def test_conjugate_gradients_that_stall_give_way_to_a_decomposition(ways, monkeypatch):
    x, y, folds = made(700, 300, 2)
    monkeypatch.setattr(moment_ridge, "_ROUNDS", 1)
    (path,) = MomentRidge(moments(x, y, folds)).paths([2], GRID)
    assert ways == [("iterate", False), ("decompose", True)] * 5
    check(path, x, y, folds, GRID, rtol=1e-8)


@pytest.mark.parametrize(("n", "d"), [(700, 300), (150, 300), (90, 12)])
def test_each_set_of_targets_is_fitted_as_if_alone(n, d):
    x, y, folds = made(n, d, 6)
    y[:, 3:] = np.random.default_rng(5).normal(size=(n, 3))
    together = MomentRidge(moments(x, y, folds)).paths([3, 1, 2], GRID)
    for path, some in zip(together, (slice(0, 3), slice(3, 4), slice(4, 6)), strict=True):
        (alone,) = MomentRidge(moments(x, y[:, some], folds)).paths(
            [path.intercepts.shape[1]], GRID
        )
        np.testing.assert_allclose(path.held_out_loss, alone.held_out_loss, rtol=1e-5)
        assert path.regularization == alone.regularization
        np.testing.assert_allclose(path.coefficients, alone.coefficients, atol=1e-10)
        np.testing.assert_allclose(path.intercepts, alone.intercepts, atol=1e-10)
    assert together[0].regularization < together[1].regularization


def test_empty_folds_leave_nothing_out():
    x, y, _ = made(60, 8, 2)
    folds = np.arange(60) % 3
    (path,) = MomentRidge(moments(x, y, folds, count=7)).paths([2], GRID)
    check(path, x, y, folds, GRID, rtol=1e-8)


def test_a_single_fold_leaves_nothing_to_judge_by():
    x, y, _ = made(60, 8, 2)
    (path,) = MomentRidge(moments(x, y, np.zeros(60, int))).paths([2], GRID)
    assert np.isnan(path.held_out_loss).all()
    assert path.regularization == GRID[0]
    np.testing.assert_allclose(path.coefficients[0], fitted(x, y, GRID[0])[0], rtol=1e-7)


def test_least_squares_of_many_rows_take_conjugate_gradients_too(ways):
    x, y, folds = made(1200, 300, 2)
    (path,) = MomentRidge(moments(x, y, folds)).paths([2], [0.0])
    assert ways == [("iterate", True)] * 5
    check(path, x, y, folds, [0.0], rtol=1e-4)


def deficient(n, d):
    x, y, folds = made(n, d, 2)
    x[:, 1], x[:, 2], x[:, 4] = x[:, 0], 0.0, x[:, 3] - 2 * x[:, 5]
    return x, y, folds


@pytest.mark.parametrize(("n", "d"), [(700, 300), (100, 300), (100, 20), (12, 20)])
def test_least_squares_without_a_unique_solution_is_of_minimum_norm(n, d):
    x, y, folds = deficient(n, d)
    (path,) = MomentRidge(moments(x, y, folds)).paths([2], [0.0])
    check(path, x, y, folds, [0.0], rtol=1e-4)


@pytest.mark.parametrize(("n", "d"), [(700, 300), (150, 20)])
@pytest.mark.parametrize(("alpha", "rtol"), [(0.0, 1e-4), (1e-2, 2e-3)])
def test_a_direction_that_only_one_fold_has_gets_no_weight_without_it(n, d, alpha, rtol):
    x, y, folds = made(n, d, 2)
    x[folds != 2, 7] = 0
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(d, d)))[0]
    for rows in (x, x @ turned):
        (path,) = MomentRidge(moments(rows, y, folds)).paths([2], [alpha])
        check(path, rows, y, folds, [alpha], rtol=rtol)


def test_features_without_any_spread_are_fitted_by_the_intercept():
    _, y, folds = made(50, 3, 2)
    for path in MomentRidge(moments(np.zeros((50, 3)), y, folds)).paths([1, 1], [0.0, 1.0]):
        assert (path.coefficients == 0).all()
    np.testing.assert_allclose(path.intercepts[0], y[:, 1:].mean(0))
