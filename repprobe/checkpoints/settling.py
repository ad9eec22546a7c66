"""What a checkpoint leaves open, settled by labelled clean data: network, preprocessing, size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.model import Model
from repprobe.checkpoints.opened import DEFAULT, Alternative, Opened
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CaptureError, CheckpointError, DataError

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.checkpoints.evidence import Finding
    from repprobe.checkpoints.recognition.fingerprints import Progress
    from repprobe.checkpoints.recovery import Hypotheses, Recovered
    from repprobe.data.sized import SizedData

_USUAL = (28, 32, 64, 224, 96)
"""Sides of images that a plain network may have been made for."""


def settle(
    opened: Opened, data: SizedData, image_size: int | None, progress: Progress | None = None
) -> list[Model]:
    """Return the networks of a checkpoint, what it leaves open being told by the data.

    Which of several architectures it is, how a network that nobody has catalogued is put
    together, what its inputs went through and in which size images are taken; only training
    examples are looked at. What was found is in the networks' `findings` and `notes`.

    Parameters
    ----------
    image_size : side in pixels that the user asks for; None leaves it open.

    Raises
    ------
    CheckpointError
        Nothing fits the tensors.
    """
    return _Settling(opened, data, image_size, progress or _silent).networks()


def _silent(stage: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True, eq=False)
class _Settling:
    """One call of `settle`."""

    opened: Opened
    data: SizedData
    image_size: int | None
    progress: Progress

    def networks(self) -> list[Model]:
        opened = self.opened
        if opened.contents.module is None and not opened.alternatives:
            return self._recovered()
        if len(opened.alternatives) > 1:
            return self._of_several()
        models = opened.networks()
        return _all_like(models, self._completed(models[0]))

    def _of_several(self) -> list[Model]:
        """Choose among architectures with the same shapes."""
        from repprobe.checkpoints import evidence

        opened = self.opened
        every = [opened.networks(alternative) for alternative in opened.alternatives]
        data = self.data.at(self.image_size or opened.image_size)
        with self._told():
            try:
                found = evidence.settle([models[0] for models in every], data)
            except CaptureError as error:
                raise CheckpointError(f"'{opened.label}': {error}") from None
        chosen = _with_finding(found.model, found.finding)
        told = {**chosen.findings, "architecture": found.to_dict()}
        chosen = replace(chosen, notes=(*chosen.notes, found.how), findings=told)
        return _all_like(every[found.index], self._completed(chosen))

    def _recovered(self) -> list[Model]:
        """Put together a plain network that nobody has catalogued."""
        from repprobe.checkpoints import recovery

        opened, state = self.opened, self.opened.states[0]
        view = state.views()[0]
        size, found = self._hypotheses(state.seen(view))
        ways = None if opened.preprocessing is None else [opened.preprocessing]
        with self._told():
            settled = recovery.settle(found, state.seen(view), self.data.at(size), ways)
        alternative = Alternative(settled.architecture, settled.arguments, view)
        models = opened.networks(alternative)
        first = replace(
            models[0],
            preprocessing=replace(settled.preprocessing, found="own accuracy"),
            image_size=size,
            notes=(*models[0].notes, settled.sentence),
            findings={"architecture": _of_recovered(settled)},
        )
        return _all_like(models, first)

    def _hypotheses(self, tensors: Mapping[str, Tensor]) -> tuple[int | None, Hypotheses]:
        """Return the plain networks that fit the tensors, and the size of images they fit at."""
        from repprobe.checkpoints import recovery
        from repprobe.checkpoints.blueprint import shapes_of

        opened, shapes = self.opened, shapes_of(tensors)
        try:
            recovery.read_chain(shapes, opened.label)
        except CheckpointError:
            raise opened.problem or CheckpointError(f"'{opened.label}' holds no network.") from None
        problem: CheckpointError | DataError | None = None
        sizes = [self.image_size]
        if self.image_size is None and self.data.has_sizes:
            sizes += [side for side in _USUAL if side != self.data.at(None).input_shape[-1]]
        for size in sizes:
            try:
                shape = self.data.at(size).input_shape
                return size, recovery.hypotheses(shapes, shape, opened.label)
            except (CheckpointError, DataError) as error:
                problem = problem or error
        assert problem is not None  # there is always a first size
        raise problem

    def _completed(self, model: Model) -> Model:
        """Find size and preprocessing of a network, where the file does not tell them."""
        from repprobe.checkpoints import evidence
        from repprobe.checkpoints.recognition.pretrained import input_size, library_preprocessing

        if model.origin is not None:
            return model
        data, asked = self.data, self.image_size
        library = library_preprocessing(model.architecture, model.arguments)
        if library is not None and model.preprocessing.found == DEFAULT:
            text, side = library
            model = replace(model, preprocessing=Preprocessing.parse(text, found="library"))
            if asked is None and model.image_size is None and data.has_sizes:
                model = replace(model, image_size=side)
        if asked is None:
            asked = model.image_size
        made_for = input_size(model.architecture, model.arguments)
        sizes = _sizes(data.at(asked).input_shape, made_for, data, asked)
        if len(sizes) > 1:
            with self._told():
                try:
                    found = evidence.find_image_size(model, data.at, sizes)
                except CaptureError:
                    return model  # the pass over the data says why
            told = {**model.findings, "image_size": found.to_dict()}
            notes = (*model.notes, found.how)
            sized = replace(found.model, image_size=found.size, notes=notes, findings=told)
            return _with_finding(sized, found.finding)
        if model.preprocessing.found == DEFAULT:
            with self._told():
                finding = evidence.find_preprocessing(model, data.at(asked))
            return _with_finding(replace(model, preprocessing=finding.preprocessing), finding)
        return model

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Show that something takes its time."""
        self.progress("recognize", 0, 1)
        yield
        self.progress("recognize", 1, 1)


def _of_recovered(found: Recovered) -> dict[str, Any]:
    """Return plain values for run.json."""
    return {
        "architecture": found.architecture,
        "how": found.sentence,
        "certain": found.certain,
        "hypotheses": found.hypotheses,
        "tried": found.tried,
        "examples": found.examples,
        "accuracy": found.accuracy,
        "margin_nats": found.rivals[0].nats if found.rivals else None,
        "margin_standard_errors": found.rivals[0].errors if found.rivals else None,
    }


def _sizes(
    shape: Sequence[int], made_for: Sequence[int] | None, data: SizedData, image_size: int | None
) -> list[int | None]:
    """Return the sizes in which images may be taken: as they are, and what the network is for."""
    if image_size is not None or made_for is None or not data.has_sizes or len(shape) != 3:
        return [image_size]
    side = made_for[1]
    if made_for[1] != made_for[2] or tuple(shape[1:]) == (side, side):
        return [None]
    return [None, side]


def _with_finding(model: Model, finding: Finding | None) -> Model:
    """Tell how a network's preprocessing was found."""
    if finding is None:
        return model
    told: dict[str, Any] = {**model.findings, "preprocessing": finding.to_dict()}
    notes = model.notes if finding.preprocessing.found == DEFAULT else (*model.notes, finding.how)
    return replace(model, findings=told, notes=notes)


def _all_like(models: Sequence[Model], first: Model) -> list[Model]:
    """Give networks that were trained together what was found for the first."""
    rest = [
        replace(
            model,
            preprocessing=first.preprocessing,
            image_size=first.image_size,
            findings=first.findings,
        )
        for model in models[1:]
    ]
    return [first, *rest]
