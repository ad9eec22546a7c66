"""Laws that add to regression targets: Gaussian, gamma and Student-t noise."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data
from repprobe.noise.law import Law, Written
from repprobe.noise.streams import draw_probabilities, stream


@dataclass(frozen=True)
class Additive(Law):
    """With probability R noise ε, independent of the input, is added to a target: y + ε.

    An example with several targets gets noise on all of them or on none, each drawn by itself.

    Attributes
    ----------
    rate : R.
    first, second : the distribution's parameters, in the order they are written.
    """

    tasks = ("regression",)
    use: ClassVar[int]
    """Number of the random stream."""
    parameters: ClassVar[tuple[str, str]]
    positive: ClassVar[tuple[str, ...]]
    """Those parameters that must be above 0."""
    default: ClassVar[tuple[float, float] | None] = None

    rate: float
    first: float
    second: float

    @classmethod
    def of(cls, written: Written) -> Self:
        text, rate = written.arguments_and_rate()
        if text is None:
            if cls.default is None:
                raise written.error(f"{' and '.join(cls.parameters)} are missing")
            return cls(rate, *cls.default)
        values = written.numbers(text, cls.parameters)
        for name, value in zip(cls.parameters, values, strict=True):
            if name in cls.positive and value <= 0:
                raise written.error(f"{name} must be above 0, not {value:g}")
        return cls(rate, *values)

    @abstractmethod
    def quantile(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values of ε that it stays below with probability p."""

    def whole(self, data: Data, seed: int) -> NDArray[np.float64]:
        clean = data.train.labels.astype(np.float64)
        random = stream(seed, self.use)
        hit = random.random(len(clean)) < self.rate
        added = self.quantile(draw_probabilities(clean.shape, random))
        return np.where(hit.reshape(-1, *[1] * (clean.ndim - 1)), clean + added, clean)


class Gaussian(Additive):
    """ε ~ N(MEAN, STD²).

    What Li et al. (2020) call N(10, 15) and N(0, 40) is `gaussian:10,15` and `gaussian:0,40`.
    """

    name = "gaussian"
    forms = ("gaussian:MEAN,STD:R",)
    use = 6
    parameters = ("MEAN", "STD")
    positive = ("STD",)

    def quantile(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import ndtri

        return np.asarray(self.first + self.second * ndtri(p))


class Gamma(Additive):
    """ε ~ Γ(K, THETA) − K · THETA (shape, scale), of mean 0; `gamma:2,15` in Li et al. (2020)."""

    name = "gamma"
    forms = ("gamma:K,THETA:R",)
    use = 7
    parameters = ("K", "THETA")
    positive = parameters

    def quantile(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import gammaincinv

        return np.asarray(self.second * (gammaincinv(self.first, p) - self.first))


class StudentT(Additive):
    """ε ~ SCALE · t with DF degrees of freedom.

    Without DF and SCALE it is t with one degree of freedom and scale 1, the Cauchy distribution:
    what the published code of Li et al. (2020) draws, and the heaviest tail, without a mean.
    """

    name = "student-t"
    forms = ("student-t:R", "student-t:DF,SCALE:R")
    use = 8
    parameters = ("DF", "SCALE")
    positive = parameters
    default = (1.0, 1.0)

    def quantile(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.special import stdtrit

        return np.asarray(self.second * stdtrit(self.first, p))
