"""Tables of scores made from outcomes, as networks would leave them."""

import numpy as np

from repprobe.probes.scores import HeldOutcomes, Score, Scores


def rows(outcomes, clean=100, metric="accuracy"):
    """Return a table of (model, layer) → {seed: (n,) outcomes}; layers in order of naming."""
    scores = Scores()
    for model in dict.fromkeys(model for model, _ in outcomes):
        layers = [layer for name, layer in outcomes if name == model]
        for order, layer in enumerate(layers):
            draws = outcomes[model, layer]
            own = layer == "output"
            probe, count = ("none", 0) if own else ("ridge", clean)
            for seed, values in draws.items():
                scores.outcomes[model, layer, count, seed] = np.asarray(values, np.float32)
            if len(draws) > 1:
                draws = {"all": np.mean(list(draws.values()), axis=0)} | draws
            scores.rows += [
                Score(
                    model, layer, order, 8, probe, None, count, seed, "test", "all", metric,
                    float(np.mean(values)), float(np.mean(values)) - 0.02,
                    float(np.mean(values)) + 0.02,
                )
                for seed, values in draws.items()
            ]  # fmt: skip
    return scores


def share(right, n=1000, shift=0):
    """Return (n,) outcomes of which a share is right; the same examples for the same shift."""
    return np.roll(np.arange(n) < round(right * n), shift).astype(np.float32)


def held(outcomes, folds=5, rows=None):
    """Return what `Scores.held_out` holds for outcomes (T, n) of the training rows `rows`."""
    outcomes = np.atleast_2d(np.asarray(outcomes, np.float32))
    n = outcomes.shape[1]
    return HeldOutcomes(outcomes, int(outcomes.mean(axis=1).argmax()), np.arange(n) % folds, rows)
