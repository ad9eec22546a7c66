"""Links to what is no file, and files whose code is mere data."""

import os
import pickle
import struct

import torch
from torch import nn

from .building import Reduced, attack, harmless, plain, text, touch


@attack
def link_to_a_device(path, canary):
    path.symlink_to("/dev/zero")


@attack
def link_to_itself(path, canary):
    path.symlink_to(path)


@attack
def link_to_a_pipe(path, canary):
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


@attack
def link_to_nowhere(path, canary):
    path.symlink_to(path.with_suffix(".nothing"))


@harmless
def pickle_as_a_tensor(path, canary):
    inner = pickle.dumps(Reduced(os.system, touch(canary)))
    torch.save({"weight": torch.frombuffer(bytearray(inner), dtype=torch.uint8)}, path)


@harmless
def pickle_as_bytes(path, canary):
    inner = pickle.dumps(Reduced(os.system, touch(canary)))
    plain(path, b"}" + text("w") + b"B" + struct.pack("<I", len(inner)) + inner + b"s")


@harmless
def script_with_its_own_code(path, canary):
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), str(path))


@harmless
def link_to_a_checkpoint(path, canary):
    torch.save({"w": torch.ones(2)}, path.with_suffix(".target"))
    path.symlink_to(path.with_suffix(".target"))
