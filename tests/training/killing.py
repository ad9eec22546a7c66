"""Runs that are killed again and again while they train, and go on.

By hand, with the number of such runs: python tests/training/killing.py 10
"""

import multiprocessing
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import torch

NETS = Path(__file__).with_name("nets.py")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["repprobe.training.launch", "sklearn.datasets"])


def run(out, settings):
    """Train in this process; the checkpoint is written after every epoch."""
    from repprobe.training import loop, train

    loop.SAVE_EVERY = 0.0
    train(f"{NETS}:dropping", "digits", out=out, noise="symmetric:0.4", **settings)


def undisturbed(out, settings):
    """Train in a process of its own, to the end."""
    process = _context.Process(target=run, args=(out, settings))
    process.start()
    process.join()
    assert process.exitcode == 0


def killed(out, settings, *, least, seed):
    """Train in processes that are killed at random moments; return how many of them were.

    The first `least` live up to a second and a half, later ones longer and longer.
    """
    moments = random.Random(seed)
    longest, kills = 1.5, 0
    while True:
        process = _context.Process(target=run, args=(out, settings))
        process.start()
        process.join(moments.uniform(0.0, longest))
        if process.exitcode is not None:
            assert process.exitcode == 0
            return kills
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        if kills >= least:
            longest *= 1.5


def difference(first, second, place=""):
    """Return where two checkpoints' entries differ in a bit, seconds left aside; "" if nowhere."""
    if isinstance(first, torch.Tensor):
        same = first.dtype == second.dtype and torch.equal(first, second)
        return "" if same else place
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return f"{place}: keys"
        pairs = [(k, first[k], second[k]) for k in first if k != "seconds"]
    elif isinstance(first, list | tuple):
        if len(first) != len(second):
            return f"{place}: length"
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return "" if first == second else place
    found = (difference(a, b, f"{place}.{k}") for k, a, b in pairs)
    return next(filter(None, found), "")


if __name__ == "__main__":
    for seed in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = Path(folder) / "whole.pt", Path(folder) / "broken.pt"
            settings = {"method": "elr", "epochs": 15, "augment": True, "seed": seed}
            undisturbed(whole, settings)
            kills = killed(broken, settings, least=10, seed=seed)
            files = [torch.load(path, weights_only=True) for path in (whole, broken)]
            left = sorted(path.name for path in Path(folder).iterdir())
            print(f"{kills} kills; differs in: {difference(*files) or 'nothing'}; {left}")
