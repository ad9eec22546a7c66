"""Which labels look clean: a mixture of two Gaussians on the examples' losses.

Arazo, Ortego, Albert, O'Connor & McGuinness, ICML 2019, had the idea; here as in Section 3.1 of
DivideMix (Li, Socher & Hoi, ICLR 2020) and with the settings of its authors' code.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray


def normalized(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale losses (n,) to 0…1; zeros where all are alike but for rounding."""
    low, high = losses.min(), losses.max()
    return (losses - low) / (high - low) if high - low > 1e-6 else np.zeros_like(losses)


def clean_probability(losses: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return w (n,): how probably each loss comes from the component with the smaller mean.

    `losses` (n,) lie in 0…1; where they are too few or too alike to be told apart, every
    example counts as clean.
    """
    if len(losses) < 2 or losses.max() == losses.min():
        return np.ones(len(losses))
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=seed)
    column = losses[:, None]
    # one thread: the sums of scikit-learn's k-means depend on which thread ends first
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(column)
        probabilities: NDArray[np.float64] = mixture.predict_proba(column)
    return probabilities[:, int(mixture.means_.argmin())]
