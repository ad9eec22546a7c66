"""Pickles that call, build or reach for attributes by every opcode there is."""

import os
import pickle
import subprocess
import sys
import types
from functools import partial

import torch
from torch import nn

from .building import (
    BUILD,
    MARK,
    NEWOBJ,
    REDUCE,
    TUPLE,
    Reduced,
    attack,
    call,
    name,
    plain,
    text,
    torch_zip,
    touch,
)


@attack
def reduce_beside_weights(path, canary):
    torch.save(
        {"state_dict": nn.Linear(2, 2).state_dict(), "x": Reduced(os.system, touch(canary))}, path
    )


@attack
def reduce_in_legacy(path, canary):
    torch.save(
        {"w": torch.ones(2), "x": Reduced(os.system, touch(canary))},
        path,
        _use_new_zipfile_serialization=False,
    )


@attack
def reduce_in_legacy_after_storages(path, canary):
    torch.save(torch.ones(2), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes() + pickle.dumps(Reduced(os.system, touch(canary))))


@attack
def popen(path, canary):
    path.write_bytes(pickle.dumps(Reduced(subprocess.Popen, ["touch", str(canary)])))


@attack
def reduce_in_protocol_0(path, canary):
    path.write_bytes(pickle.dumps(Reduced(os.system, touch(canary)), 0))


@attack
def attribute_chain(path, canary):
    torch_zip(path, call("torch.nn.modules.module", "torch.os.system", text(touch(canary))))


@attack
def attribute_chain_stack_global(path, canary):
    body = text("torchvision.models.resnet") + text("torch.os.system") + b"\x93"
    torch_zip(path, body + MARK + text(touch(canary)) + TUPLE + REDUCE)


@attack
def getattr_chain(path, canary):
    owner = name("torch.nn.modules.linear", "Linear")
    got = call("builtins", "getattr", owner, text("__init__"))
    torch_zip(path, call("builtins", "getattr", got, text("__globals__")))


@attack
def getattr_forward_of_a_class(path, canary):
    torch_zip(
        path,
        call("builtins", "getattr", name("torch.nn.modules.linear", "Linear"), text("forward")),
    )


@attack
def functions_of_a_layers_module(path, canary):
    torch_zip(path, call("torch.nn.modules.module", "register_module_forward_hook", b"N"))


@attack
def memoized_stack_global(path, canary):
    body = text("posix") + b"\x940" + text("system") + b"\x940" + b"h\0h\1\x93"
    torch_zip(path, body + MARK + text(touch(canary)) + TUPLE + REDUCE)


@attack
def inst_opcode(path, canary):
    plain(path, MARK + text(touch(canary)) + b"iposix\nsystem\n")


@attack
def obj_opcode(path, canary):
    plain(path, MARK + name("posix", "system") + text(touch(canary)) + b"o")


@attack
def newobj_with_arguments(path, canary):
    body = name("subprocess", "Popen") + MARK + text(touch(canary)) + TUPLE + NEWOBJ
    torch_zip(path, body)


@attack
def newobj_ex(path, canary):
    body = name("torch.nn.modules.linear", "Linear") + b")}" + text("in_features") + b"K\1s\x92"
    torch_zip(path, body)


@attack
def ext_opcode(path, canary):
    plain(path, b"\x82\x01" + MARK + TUPLE + REDUCE)


@attack
def copyreg_extension(path, canary):
    torch_zip(path, call("copyreg", "add_extension", text("posix"), text("system"), b"K\1"))


@attack
def copyreg_reconstructor(path, canary):
    body = call(
        "copyreg", "_reconstructor", name("subprocess", "Popen"), name("builtins", "object"), b"N"
    )
    torch_zip(path, body)


@attack
def attrgetter(path, canary):
    torch_zip(path, call("operator", "attrgetter", text("system")))


@attack
def methodcaller(path, canary):
    torch_zip(path, call("operator", "methodcaller", text("system"), text(touch(canary))))


@attack
def getitem_of_globals(path, canary):
    torch_zip(path, call("operator", "getitem", b"}", text("__builtins__")))


@attack
def partial_called(path, canary):
    made = call("functools", "partial", name("torch.nn.modules.linear", "Linear"))
    torch_zip(path, made + MARK + b"K\1K\1" + TUPLE + REDUCE)


@attack
def partial_of_a_command(path, canary):
    path.write_bytes(pickle.dumps(partial(os.system, touch(canary))))


@attack
def code_type(path, canary):
    torch_zip(path, call("types", "CodeType", b"K\0"))


@attack
def function_type(path, canary):
    torch_zip(path, call("types", "FunctionType", b"N", b"}"))


@attack
def type_made_anew(path, canary):
    torch_zip(path, call("builtins", "type", text("X"), b")", b"}"))


@attack
def build_that_sets_state(path, canary):
    made = name("collections", "OrderedDict") + b")R"
    inner = call("posix", "system", text(touch(canary)))
    torch_zip(path, made + b"}" + text("__setstate__") + inner + b"s" + BUILD)


@attack
def build_on_a_name(path, canary):
    torch_zip(
        path, name("torch.nn.modules.linear", "Linear") + b"}" + text("forward") + b"Ns" + BUILD
    )


@attack
def layers_constructor_of_terabytes(path, canary):
    huge = b"\x8a\x06" + (1 << 40).to_bytes(6, "little")
    torch_zip(path, call("torch.nn.modules.linear", "Linear", huge, huge))


@attack
def layers_constructor_by_inst(path, canary):
    plain(path, MARK + b"J\xff\xff\xff\x7fK\1itorch.nn.modules.linear\nLinear\n")


@attack
def timm_constructor(path, canary):
    torch_zip(path, call("timm.models.resnet", "ResNet", b"N"))


@attack
def enumeration_that_is_none(path, canary):
    torch_zip(path, call("timm.layers.format", "FormatT", text("NHWC")))


@attack
def module_of_ones_own(path, canary):
    module = types.ModuleType("own_nets")
    module.Net = type("Net", (nn.Linear,), {"__module__": "own_nets"})
    sys.modules["own_nets"] = module
    torch.save(module.Net(2, 2), path)
    del sys.modules["own_nets"]


@attack
def namespace(path, canary):
    torch_zip(path, name("argparse", "Namespace") + b")\x81")


@attack
def hook_on_a_layer(path, canary):
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(print)
    torch.save(layer, path)
