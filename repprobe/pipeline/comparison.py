"""The networks of a run measured one after the other, compared, and diagnosed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.diagnosis import Diagnosis, diagnose
from repprobe.diagnosis.memorization import Memorization
from repprobe.pipeline.learned import learned
from repprobe.pipeline.lineup import RANDOM, Lineup, Network
from repprobe.pipeline.measure import Measurement
from repprobe.probes.choice import nested_outcomes
from repprobe.probes.scores import HeldOutcomes, Place, Scores
from repprobe.provenance import describe_model
from repprobe.seen import notes_on_seen

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.interventions import Causal
    from repprobe.probes.memorization import Memorized
    from repprobe.similarity.sketch import Sketch


class Comparison:
    """Measures the networks of a run, what they are compared with first.

    Parameters
    ----------
    lineup : the networks.
    measurement : how they are measured.
    image_size : that the data were read with.
    given : (N,) labels that the networks learned; None where no file was named.
    earlier : what blocks are rewound to; None is the initialization.

    Attributes
    ----------
    models : of each network that was asked for and is finished, where it came from.

    Raises
    ------
    UsageError, CheckpointError
        Blocks are to be rewound, and what to is of another architecture or cannot be had.
    """

    def __init__(
        self,
        lineup: Lineup,
        measurement: Measurement,
        image_size: int | None,
        given: NDArray[np.int64] | None,
        earlier: Model | None,
    ) -> None:
        self._intervenes = measurement.settings.causal or earlier is not None
        if self._intervenes:
            from repprobe.interventions.earlier import earlier_state

            for network in lineup.examined:
                earlier_state(network.model, earlier, measurement.settings.seed)
        compares = bool(lineup.references or lineup.fresh)
        self._lineup = lineup
        self._measurement = replace(measurement, sketches=compares)
        self._image_size = image_size
        self._given = given
        self._earlier = earlier
        self._scores: dict[str, Scores] = {}
        self._sketches: dict[str, Sketch] = {}
        self._memorized: dict[str, Memorized | None] = {}
        self._causal: dict[str, Causal] = {}
        self._details: dict[str, dict[str, Any]] = {}

    def measure(self) -> bool:
        """Measure all the networks; False after Ctrl-C, where some are finished by then."""
        lineup = self._lineup
        try:
            for network in lineup.references.values():
                self._measure(network)
            if lineup.fresh:
                self._measure_fresh()
            for network in lineup.references.values():
                self._compare(network)
            for network in lineup.examined:
                if network.name not in lineup.references:
                    self._measure(network)
                    self._compare(network)
                    self._sketches.pop(network.name, None)
        except KeyboardInterrupt:
            if not self._finished:
                raise
            return False
        return True

    def diagnosed(self) -> tuple[Scores, list[Diagnosis]]:
        """Return the whole table, and the diagnoses of the networks that were asked for."""
        scores, found = Scores(), []
        for network in self._finished:
            diagnosis = self._diagnose(network)
            scores += self._scores[network.name] + self._rows(diagnosis)
            found.append(diagnosis)
        asked = {network.name for network in self._lineup.examined}
        for name, others in self._scores.items():
            if name not in asked:
                scores += others
        return scores, found

    def _rows(self, diagnosis: Diagnosis) -> Scores:
        """Return the rows of a diagnosis.

        Where other networks are compared with a reference, damage against a network's own best
        layer stays in its diagnosis: in one table it would be taken for the same thing.
        """
        rows = diagnosis.rows()
        if not self._lineup.references or diagnosis.references:
            return rows
        return Scores(row for row in rows if row.metric != "damage")

    @property
    def models(self) -> list[dict[str, Any]]:
        return [
            self._details[network.name]
            | ({} if network.epoch is None else {"epoch": network.epoch})
            for network in self._finished
        ]

    @property
    def references(self) -> list[dict[str, Any]]:
        """What the networks are compared with, and where it came from."""
        found = [self._details[name] for name in self._lineup.references if name in self._details]
        if RANDOM in self._scores:
            first = self._lineup.fresh[0]
            count = len(self._lineup.fresh)
            found.append({"name": RANDOM, "architecture": first.architecture, "networks": count})
        return found

    @property
    def _finished(self) -> list[Network]:
        return [n for n in self._lineup.examined if n.name in self._details]

    def _measure(self, network: Network) -> None:
        """Measure a network; what it memorized and what causes it, where it was asked for."""
        name, model, how = network.name, network.model, self._measurement
        asked = network in self._lineup.examined
        seed = how.settings.seed
        sample = learned(model, how.data, self._given, seed) if asked else None
        measured = how.of(name, model, sample)
        scores, notes = measured.scores, measured.notes
        scores.held_out = _nested(scores) if asked else {}
        if asked and self._intervenes:
            scores += self._intervene(network)
        if measured.sketch is not None:
            self._sketches[name] = measured.sketch
        self._memorized[name] = measured.memorized
        self._scores[name] = scores
        seen = notes_on_seen(model.origin, how.data, self._image_size, how.clean_rows)
        notes = [*model.notes, *seen, *notes, *self._lineup.notes.get(name, ())]
        self._details[name] = describe_model(
            name, model, measured.outcome, notes, measured.class_order
        )

    def _measure_fresh(self) -> None:
        from repprobe.similarity import agreement_rows

        scores, each = self._measurement.of_several(RANDOM, self._lineup.fresh)
        sketches = [measured.sketch for measured in each if measured.sketch is not None]
        with self._measurement.clock.timed("similarity"):
            self._scores[RANDOM] = scores + agreement_rows(RANDOM, sketches)

    def _compare(self, network: Network) -> None:
        """Add how like those of its references a network's features are."""
        from repprobe.similarity import similarity_rows

        name, how = network.name, self._measurement
        if name not in self._sketches:
            return
        others = [r for r in self._lineup.references if r != name]
        theirs = [self._sketches[r] for r in self._lineup.compared.get(name, others)]
        with how.clock.timed("similarity"):
            self._scores[name] += similarity_rows(name, self._sketches[name], theirs)

    def _intervene(self, network: Network) -> Scores:
        from repprobe.interventions import intervene

        how = self._measurement
        with how.clock.timed("interventions"):
            scores, self._causal[network.name] = intervene(
                replace(network.model, name=network.name),
                how.data,
                rows=how.draws[0].rows,
                earlier=self._earlier,
                device=how.device,
                seed=how.settings.seed,
                progress=how.progress,
            )
        return scores

    def _diagnose(self, network: Network) -> Diagnosis:
        name = network.name
        references = [r for r in self._lineup.compared[name] if r in self._scores]
        random = RANDOM if RANDOM in self._scores else None
        table = self._scores[name]
        for other in (*references, *([random] if random else ())):
            table += self._scores[other]
        (diagnosis,) = diagnose(
            table,
            references=references,
            random=random,
            margin=self._measurement.settings.margin,
        )
        memorized, causal = self._memorized[name], self._causal.get(name)
        return replace(
            diagnosis,
            memorization=None if memorized is None else Memorization.of(memorized),
            causal=None if causal is None else causal.beside(diagnosis.onset),
        )


def _nested(scores: Scores) -> dict[Place, HeldOutcomes]:
    """Return the left-out outcomes at the largest budget, the regularization being chosen.

    That is all that the layer is chosen by, and a small part of what is there for every one.
    """
    return {
        at: held._replace(
            outcomes=nested_outcomes(held.outcomes, held.folds)[None].astype(np.float32), best=0
        )
        for at, held in scores.at().held_out.items()
    }
