"""What a pickle may import: names of data, and layers of four libraries."""

from __future__ import annotations

import re
from typing import Any

from repprobe.checkpoints.reading.problems import DamagedError, ForeignError
from repprobe.checkpoints.reading.records import Kind, Name

LAYERS = (
    "torch.nn.modules.",
    "torchvision.models.",
    "torchvision.ops.",
    "timm.models.",
    "timm.layers.",
    "torch_geometric.nn.",
)
"""Where admitted layers are defined."""

MORE_LAYERS = frozenset(
    {
        "torch.nn.parallel.data_parallel.DataParallel",
        "torch_geometric.utils._trim_to_layer.TrimToLayer",
    }
)

CALLED = frozenset(
    {
        "builtins.bytearray",
        "builtins.bytes",
        "builtins.complex",
        "builtins.dict",
        "builtins.frozenset",
        "builtins.getattr",
        "builtins.list",
        "builtins.set",
        "builtins.slice",
        "builtins.tuple",
        "builtins.type",
        "_codecs.encode",
        "_operator.getitem",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "copyreg._reconstructor",
        "functools.partial",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "torch.Size",
        "torch.Tensor",
        "torch.device",
        "torch._tensor._rebuild_from_type_v2",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch.autograd.variable.Variable",
        "torch.nn.parameter.Buffer",
        "torch.nn.parameter.Parameter",
        "torch.storage._load_from_bytes",
    }
)
"""Functions and classes of data; `calls` has what stands for each."""

STORAGES = {
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.ComplexFloatStorage": "complex64",
    "torch.ComplexDoubleStorage": "complex128",
    "torch.UntypedStorage": "",
    "torch.storage.UntypedStorage": "",
}
"""Name of a kind of storage → its dtype; those on other devices are named `torch.cuda.…`."""

DTYPES = frozenset(
    name
    for names in (
        "float16 float32 float64 bfloat16 half float double bool complex64 complex128",
        "uint8 uint16 uint32 uint64 int8 int16 int32 int64 short int long",
        "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz",
    )
    for name in names.split()
)

FUNCTIONS = frozenset(
    [
        f"{module}.{name}"
        for module, names in {
            "torch.nn.functional": """relu relu6 relu_ gelu silu elu selu celu glu mish softmax
                log_softmax softmin softplus softsign softshrink hardshrink tanhshrink hardtanh
                hardswish hardsigmoid leaky_relu rrelu prelu sigmoid tanh logsigmoid dropout
                max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool2d
                adaptive_max_pool2d layer_norm normalize""",
            "torch": "relu relu_ tanh sigmoid selu celu softmax log_softmax sin cos flatten",
            "torch._C._nn": """gelu silu mish elu_ hardswish hardsigmoid hardtanh leaky_relu
                softplus log_sigmoid softshrink avg_pool2d""",
            "timm.layers.activations": """swish mish sigmoid tanh hard_swish hard_sigmoid
                hard_mish gelu gelu_tanh quick_gelu""",
            "torch_geometric.nn.pool.glob": "global_add_pool global_mean_pool global_max_pool",
        }.items()
        for name in names.split()
    ]
)
"""Functions that compute with tensors alone, whatever their other arguments are."""

TUPLES = frozenset({"torch_geometric.nn.sequential.Child"})
"""Tuples with names, among the attributes of layers."""

CHOICES = frozenset({"timm.layers.format.Format"})
MAPPINGS = frozenset(
    f"{package}.AttributeDict"
    for package in (
        "lightning_fabric.utilities.data",
        "lightning.fabric.utilities.data",
        "pytorch_lightning.utilities.parsing",
        "pytorch_lightning.core.saving",
        "lightning.pytorch.utilities.parsing",
    )
)
"""Dictionaries in which Lightning keeps hyper-parameters."""

TORCH_FUNCTIONS = "torch._C._VariableFunctionsClass"
"""What `torch.tanh` and its like are attributes of, for a pickle."""

_INERT = frozenset(
    f"builtins.{name}" for name in ("int", "long", "float", "str", "unicode", "bool", "object")
) | {"inspect._empty", TORCH_FUNCTIONS}
_INERT_MODULES = ("typing", "torch_geometric.inspector")
_TENSORS = re.compile(r"torch(\.cuda)?\.(Float|Double|Half|Long|Int|Short|Char|Byte)Tensor")
"""Types that the oldest files name beside each tensor."""

_CALLBACKS = re.compile(r"(pytorch_lightning|lightning\.pytorch)\.callbacks(\.[a-z_]+)*")
"""Lightning once kept the states of callbacks under their classes."""

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "operator": "_operator"}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_CLASS = re.compile(r"_*[A-Z][A-Za-z0-9_]*")


def admit(module: Any, name: Any, *, script: bool = False) -> Any:
    """Return what stands for an import: a `Name`, or a dtype of torch.

    Parameters
    ----------
    module, name : as they stand in the pickle; from STACK_GLOBAL they can be anything.
    script : whether the classes of TorchScript are admitted, too.

    Raises
    ------
    ForeignError
        It is neither data nor a layer.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise DamagedError("an import is not named by text")
    module = _RENAMED.get(module, module)
    if module == "numpy.core" or module.startswith("numpy.core."):
        module = "numpy._core" + module[len("numpy.core") :]
    full = f"{module}.{name}"
    if not _MODULE.fullmatch(module) or not _IDENTIFIER.fullmatch(name):
        # a dotted name would reach through the module to whatever it imports
        raise ForeignError(_printable(full))
    if module == "torch" and name in DTYPES:
        import torch

        return getattr(torch, name)
    kind = _kind(module, name, full, script)
    if kind is None:
        raise ForeignError(_printable(full))
    return Name(module, name, kind)


def _kind(module: str, name: str, full: str, script: bool) -> Kind | None:
    if full in CALLED:
        return Kind.CALL
    if full.replace("torch.cuda.", "torch.", 1) in STORAGES:
        return Kind.STORAGE
    if full in FUNCTIONS:
        return Kind.FUNCTION
    if full in CHOICES:
        return Kind.CHOICE
    if full in MAPPINGS:
        return Kind.MAPPING
    if full in _INERT or module in _INERT_MODULES or _TENSORS.fullmatch(full):
        return Kind.INERT
    if _CLASS.fullmatch(name):
        if full in MORE_LAYERS or f"{module}.".startswith(LAYERS):
            return Kind.LAYER
        if _CALLBACKS.fullmatch(module):
            return Kind.INERT
    if script and (module == "__torch__" or module.startswith("__torch__.")):
        return Kind.SCRIPT
    if script and module == "torch.jit._pickle" and name.startswith(("build_", "restore_")):
        return Kind.CALL
    return None


def _printable(name: str) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in name[:100])
    return shown + ("…" if len(name) > 100 else "")
