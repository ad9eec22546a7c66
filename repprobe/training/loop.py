"""The loop all methods share: epochs of optimization steps, measured and written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch

from repprobe.atomic import remove_leftovers
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import RepprobeError
from repprobe.training import architecture, checkpoint, schedule
from repprobe.training.checkpoint import Stored
from repprobe.training.epoch import Epoch
from repprobe.training.evaluate import Evaluator
from repprobe.training.examples import TrainingSet
from repprobe.training.inputs import Inputs, Progress, make_inputs, read_raw, usual_preprocessing
from repprobe.training.networks import TrainedNetwork, check_answers
from repprobe.training.plan import Plan
from repprobe.training.repeatable import apart, seed_networks
from repprobe.training.seeds import Stream, torch_seed
from repprobe.training.watch import NotFiniteError, Watch

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Record = dict[str, Any]
OnEpoch = Callable[[Record], None]

SAVE_EVERY = 1.0
"""Seconds that pass, at least, between two checkpoints of a run; the last is always written."""

TELL_EVERY = 0.5
"""Seconds between two reports from within an epoch."""


class _Teller:
    """Tells how far an epoch has come, twice a second; of one that is over by then, nothing.

    How many steps it will have is a guess from the one before.
    """

    def __init__(self, progress: Progress | None, steps: int) -> None:
        self._progress, self._steps = progress, steps
        self._told = time.monotonic()

    def __call__(self, step: int) -> None:
        now = time.monotonic()
        if self._progress and now - self._told > TELL_EVERY:
            self._progress("epoch", step, max(step + 1, self._steps))
            self._told = now


class Run:
    """A run on one process (of several, perhaps), from its plan or from where it was left.

    Parameters
    ----------
    plan : what is to be trained.
    fabric : Lightning Fabric, launched.
    stored : what an earlier call left.
    on_epoch : called with each record, in the first process.
    progress : called with (stage, done, total), in the first process.

    Raises
    ------
    RepprobeError
        Inputs cannot be read, or the network cannot be built or run on them.
    """

    def __init__(
        self,
        plan: Plan,
        fabric: Fabric,
        stored: Stored | None,
        on_epoch: OnEpoch,
        progress: Progress,
    ) -> None:
        self._plan, self._fabric = plan, fabric
        self._first = fabric.global_rank == 0
        self._on_epoch, self._progress = on_epoch, progress
        self._schedule = schedule.parse(plan.recipe.schedule)
        train, test, preprocess = self._read(stored)
        self._head = checkpoint.header(plan, preprocess)
        labels = self._head["noisy_labels"].to(fabric.device)
        self._examples = TrainingSet(
            train,
            labels,
            len(plan.data.classes),
            batch_size=plan.recipe.batch_size,
            augment=plan.recipe.augment,
            seed=plan.settings.seed,
            rank=fabric.global_rank,
            processes=fabric.world_size,
        )
        self._evaluator = Evaluator(
            train,
            test,
            plan.clean,
            plan.labels,
            plan.data.test.labels,
            task=plan.data.task,
            batch_size=train.answered_at_once(plan.recipe.batch_size),
            seed=plan.settings.seed,
        )
        self._networks = [self._network(number, train) for number in range(plan.networks)]
        self._watch = Watch(fabric, self._networks)
        self._method = plan.build_method()
        self._method.begin(self._examples)
        self._history: list[Record] = []
        self._done = 0
        self._steps_of_an_epoch = -(-len(train) // self._examples.batch_size)
        if stored is not None:
            self._restore(stored)
        self._saved = self._done if stored is not None else -1

    def train(self) -> list[Record]:
        """Train up to the last epoch and return the history.

        Raises
        ------
        RepprobeError
            The loss or the weights are no numbers any more; or the checkpoint cannot be written.
        KeyboardInterrupt
            After Ctrl-C; says how many epochs are kept.
        """
        epochs, out = self._plan.recipe.epochs, self._plan.out
        if self._saved < 0:
            self._keep()
            self._save()
        saved_at = time.monotonic()
        if self._first:
            self._progress("train", self._done, epochs)
        try:
            with apart(self._fabric.device):
                for number in range(self._done, epochs):
                    self._train_epoch(number)
                    self._done = number + 1
                    # before the checkpoint: whoever goes on from that does not come back here
                    self._keep()
                    is_due = self._done == epochs or time.monotonic() - saved_at > SAVE_EVERY
                    if self._fabric.broadcast(is_due):
                        self._save()
                        saved_at = time.monotonic()
                    if self._first:
                        self._on_epoch(self._history[-1])
                        self._progress("train", self._done, epochs)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(kept(self._saved, epochs, out)) from None
        return self._history

    def _train_epoch(self, number: int) -> None:
        """Train for an epoch, measure, and add the record to the history."""
        start = time.perf_counter()
        plan, seed = self._plan, self._plan.settings.seed
        rate = plan.recipe.learning_rate * self._schedule(number, plan.recipe.epochs)
        seed_networks(
            torch_seed(seed, Stream.NETWORK, number, self._fabric.global_rank), self._fabric.device
        )
        self._examples.begin_epoch(number)
        generator = torch.Generator().manual_seed(torch_seed(seed, Stream.METHOD, number))
        epochs = plan.recipe.epochs
        epoch = Epoch(
            *(number, epochs, self._examples, self._networks, generator),
            inputs=self._examples.inputs,
            batch_size=plan.recipe.batch_size,
        )
        try:
            loss = self._steps(epoch, rate)
        except NotFiniteError as found:
            self._stop(found, number, rate)
        record: Record = {"epoch": number + 1, "loss": loss}
        if (number + 1) % plan.settings.evaluate_every == 0 or number + 1 == epochs:
            record |= self._evaluator.measure(self._networks) if self._first else {}
        record["learning_rate"] = rate
        record["seconds"] = time.perf_counter() - start
        self._history.append(record)

    def _steps(self, epoch: Epoch, rate: float) -> float:
        """Take the steps of an epoch and return the mean loss, over steps and networks."""
        for network in self._networks:
            network.train()
        self._watch.begin()
        scaler = getattr(self._fabric.strategy.precision, "scaler", None)
        tell = _Teller(self._progress if self._first else None, self._steps_of_an_epoch)
        for step, turn in enumerate(self._method.turns(epoch), start=1):
            losses = self._method.losses(epoch, turn)
            pairs = [(n, x) for n, x in zip(self._networks, losses, strict=True) if x is not None]
            self._watch.step([loss for _, loss in pairs])
            for network, loss in pairs:
                network.descend(loss)
            for network, _ in pairs:
                network.step(rate)
            if scaler is not None:
                scaler.update()
            tell(step)
        mean, self._steps_of_an_epoch = self._watch.end()
        return mean

    def _stop(self, found: NotFiniteError, epoch: int, rate: float) -> NoReturn:
        lower = f"{self._plan.recipe.learning_rate / 10:.1g}"
        other = " or in precision 32," if self._plan.settings.precision == "16" else ""
        raise RepprobeError(
            f"{found.what} in epoch {epoch + 1}, step {found.step}, at a learning rate of "
            f"{rate:.3g}; train anew with a lower one,{other} e.g. --lr {lower} --restart "
            f"(learning_rate={lower}, restart=True). The last good checkpoint, of "
            f"epoch {self._saved}, is kept in '{self._plan.out}' until then."
        ) from None

    def _read(self, stored: Stored | None) -> tuple[Inputs, Inputs, str]:
        """Read the training and test inputs, and settle what they go through."""
        data, chosen = self._plan.data, self._plan.settings.preprocess
        progress: Progress = self._progress if self._first else (lambda *_: None)
        rows, test_rows = self._plan.rows, np.arange(len(data.test))
        raw = read_raw(data.train, rows, progress)
        if chosen is None and stored is not None:
            chosen = stored.entries["preprocess"]
        text = chosen or usual_preprocessing(raw, data.unit)
        preprocessing = Preprocessing.parse(text)
        test_raw = read_raw(data.test, test_rows, progress)
        device = self._fabric.device
        train = make_inputs(raw, data.train, rows, preprocessing, data.unit, device)
        test = make_inputs(test_raw, data.test, test_rows, preprocessing, data.unit, device)
        return train, test, text

    def _network(self, number: int, train: Inputs) -> TrainedNetwork:
        plan = self._plan
        seed = torch_seed(plan.settings.seed, Stream.WEIGHTS, number)
        module = architecture.fresh(plan.architecture, plan.arguments, seed)
        module.to(self._fabric.device)
        check_answers(module, train, plan.data, plan.architecture)
        flat = plan.data.task == "regression" and plan.labels.ndim == 1
        return TrainedNetwork(self._fabric, module, plan.recipe, flat)

    def _restore(self, stored: Stored) -> None:
        entries = stored.entries
        for place, network in enumerate(self._networks, start=1):
            weights = entries["state_dict" if place == 1 else f"state_dict_{place}"]
            network.module.load_state_dict(weights)
            network.optimizer.load_state_dict(entries["optimizers"][place - 1])
        self._method.restore(entries["method_state"])
        self._fabric.strategy.precision.load_state_dict(entries["precision_state"])
        self._history = list(stored.history)
        self._done = stored.epoch

    def _save(self) -> None:
        resume = {
            "optimizers": [n.optimizer.state_dict() for n in self._networks],
            "method_state": self._method.state(),
            "precision_state": self._fabric.strategy.precision.state_dict(),
        }
        self._write(self._plan.out, resume)
        self._saved = self._done

    def _keep(self) -> None:
        """Write a snapshot if it is this epoch's turn."""
        every = self._plan.settings.keep_every
        if every and self._done % every == 0:
            path = checkpoint.snapshot(self._plan.out, self._done)
            remove_leftovers(path)
            self._write(path)

    def _write(self, path: Path, resume: Mapping[str, Any] | None = None) -> None:
        """Write a checkpoint in the first process; if it cannot be, all processes raise."""
        failure: RepprobeError | None = None
        if self._first:
            try:
                checkpoint.save(path, self._head, self._networks, self._so_far(), resume)
            except RepprobeError as error:
                failure = error
        failure = self._fabric.broadcast(failure)
        if failure is not None:
            raise failure

    def _so_far(self) -> dict[str, Any]:
        return {
            "epoch": self._done,
            "epochs": self._plan.recipe.epochs,
            "history": self._history,
        }


def kept(done: int, epochs: int, out: Path) -> str:
    """Say what is left of a run that was interrupted."""
    return f"{done} of {epochs} epochs are kept in {out}; the same command goes on"
