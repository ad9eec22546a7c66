"""Files of safetensors, shards, folders and torch.export that mean harm, each refused.

Each builder of `ATTACKS` takes an empty folder and the path of a canary that must never appear,
and returns what is to be read.
"""

import json
import os
import pickle
import struct
import zipfile
import zlib

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


def changed(folder, change):
    """Write a program whose document is changed."""
    path = valid.exported(folder)
    records = valid.zip_records(path)
    document = json.loads(records["models/model.json"])
    change(document, records)
    records.setdefault("models/model.json", b"")
    records["models/model.json"] = json.dumps(document).encode()
    return valid.write_records(path, records)


def graph(document):
    """Return the graph of a document."""
    return document["graph_module"]["graph"]


def operator(target):
    """Return a builder of programs whose first operator is another."""

    def build(folder, canary):
        def change(document, _):
            graph(document)["nodes"][0]["target"] = target

        return changed(folder, change)

    return build


for _name, _target in {
    "program_that_calls_the_shell": "os.system",
    "program_that_evaluates": "builtins.eval",
    "program_that_goes_through_attributes": "torch.ops.aten.__class__.__init__.__globals__",
    "program_that_goes_through_an_operator": "torch.ops.aten.conv2d.default.__globals__",
    "program_that_maps_a_file": "torch.ops.aten.from_file.default",
    "program_that_has_memory_without_values": "torch.ops.aten.empty.memory_format",
    "program_that_changes_sizes_in_place": "torch.ops.aten.resize_.default",
    "program_that_loads_a_library": "torch.ops.load_library",
    "program_with_a_custom_operator": "torch.ops.mylib.evil.default",
    "program_with_a_graph_inside": "torch.ops.higher_order.cond",
}.items():
    ATTACKS[_name] = operator(_target)


@attack
def program_whose_sizes_are_code(folder, canary):
    def change(document, _):
        sizes = graph(document)["tensor_values"]["x"]["sizes"]
        sizes[0] = {"as_expr": {"expr_str": code(canary), "hint": {"as_int": 2}}}

    return changed(folder, change)


@attack
def program_whose_sizes_reach_into_objects(folder, canary):
    def change(document, _):
        sizes = graph(document)["tensor_values"]["x"]["sizes"]
        sizes[0] = {"as_expr": {"expr_str": "Symbol.__init__.__globals__", "hint": None}}

    return changed(folder, change)


@attack
def program_whose_guards_are_code(folder, canary):
    def change(document, _):
        document["guards_code"] = [code(canary)]

    return changed(folder, change)


@attack
def program_with_a_custom_object(folder, canary):
    def change(document, records):
        records["data/constants/custom_obj_0"] = pickle.dumps(Touch(canary))

    return changed(folder, change)


@attack
def program_whose_weights_are_pickled(folder, canary):
    def change(document, records):
        name = "data/weights/model_weights_config.json"
        config = json.loads(records[name])
        config["config"]["head.bias"]["use_pickle"] = True
        records[name] = json.dumps(config).encode()
        path = config["config"]["head.bias"]["path_name"]
        records[f"data/weights/{path}"] = valid.saved(Touch(canary))

    return changed(folder, change)


@attack
def program_whose_old_weights_run_a_command(folder, canary):
    def change(document, records):
        records["data/weights/model.pt"] = valid.saved({"w": Touch(canary)})

    return changed(folder, change)


@attack
def program_whose_examples_run_a_command(folder, canary):
    def change(document, records):
        records["data/sample_inputs/model.pt"] = valid.saved(((Touch(canary),), {}))

    return changed(folder, change)


@attack
def program_with_compiled_code(folder, canary):
    def change(document, records):
        records["data/aotinductor/model/model.so"] = b"\x7fELF"

    return changed(folder, change)


@attack
def program_with_python_in_its_extra_files(folder, canary):
    def change(document, records):
        records["extra/sitecustomize.py"] = code(canary).encode()

    return changed(folder, change)


def weight_of(folder, **meta):
    """Write a program whose first weight is described in another way."""

    def change(document, records):
        name = "data/weights/model_weights_config.json"
        config = json.loads(records[name])
        config["config"]["features.0.weight"]["tensor_meta"].update(meta)
        records[name] = json.dumps(config).encode()

    return changed(folder, change)


def sizes(*numbers):
    """Return sizes as the document has them."""
    return [{"as_int": number} for number in numbers]


@attack
def program_with_a_giant_weight_of_stride_0(folder, canary):
    return weight_of(folder, sizes=sizes(2**40), strides=sizes(0))


@attack
def program_whose_weight_reaches_behind_its_bytes(folder, canary):
    return weight_of(folder, storage_offset={"as_int": 2**40})


@attack
def program_whose_weight_has_a_negative_stride(folder, canary):
    return weight_of(folder, strides=sizes(-9, 9, 3, 1))


@attack
def program_that_makes_a_giant(folder, canary):
    def change(document, _):
        node = {
            "target": "torch.ops.aten.full.default",
            "inputs": [
                {"name": "size", "arg": {"as_ints": [2**20, 2**20]}, "kind": 1},
                {"name": "fill_value", "arg": {"as_float": 1.0}, "kind": 1},
            ],
            "outputs": [{"as_tensor": {"name": "giant"}}],
            "metadata": {},
        }
        graph(document)["nodes"].insert(0, node)

    return changed(folder, change)


@attack
def program_that_makes_two_gigabytes(folder, canary):
    def change(document, _):
        numbers = {"as_ints": [2**29]}
        node = {
            "target": "torch.ops.aten.zeros.default",
            "inputs": [{"name": "size", "arg": numbers, "kind": 1}],
            "outputs": [{"as_tensor": {"name": "giant"}}],
            "metadata": {},
        }
        graph(document)["nodes"].insert(0, node)

    return changed(folder, change)


@attack
def program_of_numbers_without_end(folder, canary):
    def change(document, _):
        nodes = graph(document)["nodes"]
        size = next(n for n in nodes if n["target"] == "torch.ops.aten.sym_size.int")
        place, before = nodes.index(size) + 1, size["outputs"][0]["as_sym_int"]["as_name"]
        for number in range(200):
            argument = {"as_sym_int": {"as_name": before}}
            before = f"n{number}"
            node = {
                "target": "_operator.mul",
                "inputs": [{"name": n, "arg": argument, "kind": 1} for n in "ab"],
                "outputs": [{"as_sym_int": {"as_name": before}}],
                "metadata": {},
            }
            nodes.insert(place + number, node)

    return changed(folder, change)


@attack
def program_of_a_million_operators(folder, canary):
    def change(document, _):
        nodes = graph(document)["nodes"]
        small = {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}
        nodes += [{**small, "metadata": {}}] * 100_000

    return changed(folder, change)


@attack
def program_in_a_compressed_bomb(folder, canary):
    path = valid.exported(folder)
    records = valid.zip_records(path)
    records["models/model.json"] = b" " * 200_000_000
    return valid.write_records(path, records, zipfile.ZIP_DEFLATED)


@attack
def program_with_a_bomb_for_its_examples(folder, canary):
    def change(document, records):
        path = folder / "bomb.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a/data.pkl", b"N" * 200_000_000)
        records["data/sample_inputs/model.pt"] = path.read_bytes()
        path.unlink()

    return changed(folder, change)


@attack
def program_with_a_record_outside_of_the_archive(folder, canary):
    def change(document, records):
        records["../../evil.json"] = b"{}"

    return changed(folder, change)


@attack
def program_with_records_of_one_name(folder, canary):
    path = valid.exported(folder)
    content = valid.zip_records(path)["models/model.json"]
    with zipfile.ZipFile(path, "a") as file:
        file.fp.seek(file.start_dir)
        info = zipfile.ZipInfo("model/models/model.json")
        info.CRC, info.file_size = zlib.crc32(content), len(content)
        file.writestr(info, content)
    return path


@attack
def program_that_names_a_method_as_a_module(folder, canary):
    def change(document, _):
        for node in graph(document)["nodes"]:
            stack = node["metadata"]["nn_module_stack"]
            node["metadata"]["nn_module_stack"] = stack.replace("features", "load_state_dict")

    return changed(folder, change)
