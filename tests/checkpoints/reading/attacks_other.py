"""Files of safetensors, shards and folders that mean harm, each refused.

Each builder of `ATTACKS` takes an empty folder and the path of a canary that must never appear,
and returns what is to be read. `attacks_exported` puts its own into the same table.
"""

import json
import os
import struct

import torch
import valid_other as valid
from safetensors.torch import save_file

ATTACKS = {}
"""Builders by name."""


def attack(build):
    """Put a builder into the table."""
    ATTACKS[build.__name__] = build
    return build


class Touch:
    """Unpickling this runs a command that leaves the canary."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def code(canary):
    """Return Python that would leave the canary."""
    return f"__import__('os').system('touch {canary}')"


def raw_safetensors(folder, header, body=b"", length=None):
    """Write a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", size) + text + body)
    return path


def entry(shape, first, last, dtype="F32"):
    """Return the entry of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@attack
def safetensors_with_an_absurd_header_length(folder, canary):
    return raw_safetensors(folder, {"w": entry([1], 0, 4)}, bytes(4), length=2**63 - 1)


@attack
def safetensors_with_a_huge_header(folder, canary):
    path = raw_safetensors(folder, b"{", length=2**30)
    with path.open("r+b") as file:
        file.truncate(2**30 + 8)  # with holes: it takes no room
    return path


@attack
def safetensors_whose_tensors_overlap(folder, canary):
    header = {"a": entry([4], 0, 16), "b": entry([4], 8, 24)}
    return raw_safetensors(folder, header, bytes(24))


@attack
def safetensors_with_a_hole(folder, canary):
    header = {"a": entry([4], 0, 16), "b": entry([4], 32, 48)}
    return raw_safetensors(folder, header, bytes(48))


@attack
def safetensors_with_more_bytes_than_tensors(folder, canary):
    return raw_safetensors(folder, {"a": entry([4], 0, 16)}, bytes(64) + b"#!/bin/sh")


@attack
def safetensors_that_end_after_the_file(folder, canary):
    return raw_safetensors(folder, {"a": entry([2**38], 0, 2**40)}, bytes(16))


@attack
def safetensors_whose_shape_is_larger_than_its_bytes(folder, canary):
    return raw_safetensors(folder, {"a": entry([2**31, 2**31], 0, 16)}, bytes(16))


@attack
def safetensors_of_absurd_axes(folder, canary):
    return raw_safetensors(folder, {"a": entry([0, 2**62, 2**62], 0, 0)})


@attack
def safetensors_with_negative_offsets(folder, canary):
    return raw_safetensors(folder, {"a": entry([-1], 4, 0)}, bytes(4))


@attack
def safetensors_nested_without_end(folder, canary):
    return raw_safetensors(folder, b'{"a":' + b"[" * 2_000_000)


@attack
def safetensors_with_a_number_of_a_million_digits(folder, canary):
    return raw_safetensors(folder, b'{"a":{"shape":[' + b"9" * 1_000_000 + b"]}}")


@attack
def safetensors_with_a_name_twice(folder, canary):
    text = b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},'
    return raw_safetensors(folder, text + text[1:-1] + b"}", bytes(4))


def index(folder, places):
    """Write an index of shards."""
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return path


@attack
def shard_that_leads_out_of_the_folder(folder, canary):
    inside = folder / "inside"
    inside.mkdir()
    save_file({"w": torch.ones(2)}, folder / "secret.safetensors")
    return index(inside, {"w": "../secret.safetensors"})


@attack
def shard_by_an_absolute_path(folder, canary):
    save_file({"w": torch.ones(2)}, folder / "secret.safetensors")
    return index(folder, {"w": str(folder / "secret.safetensors")})


@attack
def shard_that_is_a_link_out_of_the_folder(folder, canary):
    inside = folder / "inside"
    inside.mkdir()
    save_file({"w": torch.ones(2)}, folder / "secret.safetensors")
    (inside / "a.safetensors").symlink_to(folder / "secret.safetensors")
    return index(inside, {"w": "a.safetensors"})


@attack
def shard_that_runs_a_command(folder, canary):
    torch.save({"w": Touch(canary)}, folder / "a.bin")
    return index(folder, {"w": "a.bin"})


@attack
def shard_that_is_a_folder(folder, canary):
    (folder / "a.safetensors").mkdir()
    return index(folder, {"w": "a.safetensors"})


@attack
def index_that_is_its_own_shard(folder, canary):
    return index(folder, {"w": "model.safetensors.index.json"})


@attack
def folder_whose_weights_run_a_command(folder, canary):
    (folder / "config.json").write_text(json.dumps(valid.TIMM))
    torch.save({"w": Touch(canary)}, folder / "pytorch_model.bin")
    return folder


@attack
def folder_whose_config_is_a_link(folder, canary):
    inside = folder / "inside"
    inside.mkdir()
    (folder / "secret.json").write_text("{}")
    valid.safetensors(inside)
    (inside / "config.json").symlink_to(folder / "secret.json")
    return inside


@attack
def folder_whose_config_is_nested_without_end(folder, canary):
    valid.safetensors(folder)
    (folder / "config.json").write_bytes(b'{"a":' * 500_000)
    return folder
