"""Small files that ask for much memory or time."""

import struct

import torch
from torch import nn

from .building import MARK, PROTO, TUPLE, attack, name, plain, text, torch_zip


@attack
def laughs_of_tuples(path, canary):
    torch_zip(path, b"]" + text("lol") + b"a" + b"2\x86" * 60)


@attack
def laughs_of_layers(path, canary):
    layer = nn.Sequential()
    for _ in range(40):
        layer = nn.Sequential(layer, layer)
    torch.save(layer, path)


@attack
def layer_inside_itself(path, canary):
    layer = nn.Sequential()
    layer.add_module("0", layer)
    torch.save(layer, path)


@attack
def list_inside_itself(path, canary):
    plain(path, b"]\x94h\0a")


@attack
def deep_nest(path, canary):
    plain(path, b"]" * 500_000 + b"a" * 499_999)


@attack
def keys_that_collide(path, canary):
    keys = b"".join(
        b"\x8a\x0a" + (k * ((1 << 61) - 1)).to_bytes(10, "little") + b"N" for k in range(1, 60_000)
    )
    plain(path, b"}" + MARK + keys + b"u")


@attack
def keys_of_tuples_that_collide(path, canary):
    numbers = (b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff")
    keys = b"".join(
        MARK + b"".join(numbers[k >> i & 1] for i in range(14)) + TUPLE + b"N"
        for k in range(1 << 14)
    )
    plain(path, b"}" + MARK + keys + b"u")


@attack
def memo_of_billions(path, canary):
    plain(
        path,
        b"N"
        + b"".join(b"r" + struct.pack("<I", 4_000_000_000 + i) for i in range(1000))
        + b"j\0\0\0\0",
    )


@attack
def opcodes_without_end(path, canary):
    plain(path, b"\x8f" * 8_000_000)


@attack
def copies_of_a_list(path, canary):
    start = b"]\x94" + MARK + b"N" * 500_000 + b"e0"
    plain(path, start + (name("builtins", "list") + b"h\0\x85R") * 1000)


@attack
def long_of_two_gigabytes(path, canary):
    plain(path, b"\x8b\xff\xff\xff\x7f")


@attack
def long_of_many_digits(path, canary):
    path.write_bytes(b"L" + b"9" * 5_000_000 + b"L\n.")


@attack
def bytes_of_exabytes(path, canary):
    plain(path, b"\x8e" + struct.pack("<Q", 1 << 60))


@attack
def text_of_exabytes(path, canary):
    plain(path, b"\x8d" + struct.pack("<Q", 1 << 62))


@attack
def frame_of_exabytes(path, canary):
    plain(path, b"\x95" + struct.pack("<Q", 1 << 62) + b"N")


@attack
def bytes_in_a_sparse_file(path, canary):
    with path.open("wb") as file:
        file.write(PROTO + b"\x8e" + struct.pack("<Q", 6 << 30))
        file.truncate(7 << 30)


@attack
def line_without_end(path, canary):
    path.write_bytes(b"c" + b"\xe9" * 20_000_000)


@attack
def text_without_end(path, canary):
    path.write_bytes(b"V" + b"\xe9" * 140_000_000)
