"""A stand-in for cuml and cupy on a machine without CUDA: their interface, scikit-learn's work.

It is as particular as cuML is: keyword arguments only, no softmax of fewer than two classes, one
target at a time for the eigenvalue solver, neighbours in float32, results of the type asked for.
"""

from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
from sklearn import linear_model, neighbors


class LogisticRegression:
    def __init__(self, *, penalty, C, tol, max_iter, linesearch_max_iter, output_type):
        assert penalty == "l2" and linesearch_max_iter > 0 and output_type == "numpy"
        self.options = {"C": C, "tol": tol, "max_iter": max_iter}

    def fit(self, X, y):
        assert X.dtype in (np.float32, np.float64) and len(X) == len(y)
        if len(np.unique(y)) < 2:
            raise ValueError("loss='sigmoid' requires n_classes == 2 (got 1)")
        model = linear_model.LogisticRegression(**self.options).fit(X, y)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        return self


class Ridge:
    def __init__(self, alpha=1.0, *, solver, output_type):
        assert output_type == "numpy"
        if solver == "eig" and np.ndim(alpha):
            raise ValueError("solver='eig' doesn't support multiple targets")
        self.alpha = alpha

    def fit(self, X, y):
        assert (np.asarray(self.alpha) >= 0).all()
        model = linear_model.Ridge(alpha=self.alpha, solver="svd").fit(X, y)
        self.coef_ = model.coef_.ravel() if y.shape[1] == 1 else model.coef_
        self.intercept_ = model.intercept_
        return self


class LinearRegression:
    def __init__(self, *, algorithm, output_type):
        assert algorithm == "svd" and output_type == "numpy"

    def fit(self, X, y):
        model = linear_model.LinearRegression().fit(X, y)
        self.coef_ = model.coef_.ravel() if y.shape[1] == 1 else model.coef_
        self.intercept_ = model.intercept_[0] if y.shape[1] == 1 else model.intercept_
        return self


class NearestNeighbors:
    def __init__(self, *, n_neighbors, algorithm, metric, output_type):
        assert output_type == "numpy"
        self.index = neighbors.NearestNeighbors(
            n_neighbors=n_neighbors, algorithm=algorithm, metric=metric
        )

    def fit(self, X):
        assert X.dtype == np.float32
        self.index.fit(X)
        return self

    def kneighbors(self, X, n_neighbors=None, return_distance=True):
        assert X.dtype == np.float32
        return self.index.kneighbors(X, n_neighbors, return_distance)


def modules():
    """Return what `import cuml` and `import cupy` find: name → module."""
    cuml, cupy = ModuleType("cuml"), ModuleType("cupy")
    cuml.__spec__ = ModuleSpec("cuml", None)
    cuml.linear_model = SimpleNamespace(
        LogisticRegression=LogisticRegression, Ridge=Ridge, LinearRegression=LinearRegression
    )
    cuml.neighbors = SimpleNamespace(NearestNeighbors=NearestNeighbors)
    cupy.__dict__.update({name: getattr(np, name) for name in np.__all__ if name != "ndarray"})
    cupy.asnumpy = np.asarray
    cupy.used = []
    cupy.cuda = SimpleNamespace(
        Device=lambda number: SimpleNamespace(use=lambda: cupy.used.append(number))
    )
    return {"cuml": cuml, "cupy": cupy}
