"""Programs of torch.export that mean harm; put into the table of `attacks_other`."""

import json
import pickle
import zipfile
import zlib

import valid_other as valid
from attacks_other import ATTACKS, Touch, attack, code


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
