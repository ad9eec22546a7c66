"""Pickles that import what runs something: commands, code, connections, other loaders."""

from functools import partial

from .building import attack, call, plain, python, text, torch_zip, touch

RUNNERS = {
    "os_system": ("os", "system", touch),
    "posix_system": ("posix", "system", touch),
    "nt_system": ("nt", "system", touch),
    "os_popen": ("os", "popen", touch),
    "subprocess_getoutput": ("subprocess", "getoutput", touch),
    "builtins_exec": ("builtins", "exec", python),
    "python2_exec": ("__builtin__", "eval", python),
    "builtins_eval": ("builtins", "eval", python),
    "builtins_import": ("builtins", "__import__", lambda c: "antigravity"),
    "builtins_open": ("builtins", "open", str),
    "importlib": ("importlib", "import_module", lambda c: "antigravity"),
    "runpy_path": ("runpy", "run_path", str),
    "runpy_module": ("runpy", "run_module", lambda c: "antigravity"),
    "pip": ("pip", "main", lambda c: "install"),
    "webbrowser": ("webbrowser", "open", lambda c: "http://127.0.0.1:9/"),
    "socket": ("socket", "create_connection", str),
    "urllib": ("urllib.request", "urlopen", lambda c: "http://127.0.0.1:9/"),
    "code_interact": ("code", "interact", str),
    "timeit": ("timeit", "timeit", python),
    "pickle_loads": ("pickle", "loads", str),
    "torch_load": ("torch", "load", str),
    "torch_serialization_load": ("torch.serialization", "load", str),
    "torch_hub_load": ("torch.hub", "load", str),
    "torch_jit_load": ("torch.jit", "load", str),
    "cpp_extension": ("torch.utils.cpp_extension", "load_inline", str),
    "dynamo": ("torch._dynamo", "optimize", str),
    "inductor": ("torch._inductor.codecache", "compile_file", str),
    "timm_loader": ("timm.models._helpers", "load_checkpoint", str),
    "torchvision_hub": ("torchvision.models._api", "get_weight", str),
    "numpy_load": ("numpy", "load", str),
    "numpy_runstring": ("numpy.testing._private.utils", "runstring", python),
    "joblib": ("joblib", "load", str),
    "linecache": ("linecache", "getline", str),
    "ctypes": ("ctypes", "CDLL", str),
}


def _run(module, attribute, argument, wrap, path, canary):
    wrap(path, call(module, attribute, text(argument(canary))))


for _key, (_module, _attribute, _argument) in RUNNERS.items():
    for _wrap in (torch_zip, plain) if _key in ("os_system", "builtins_exec") else (torch_zip,):
        attack(partial(_run, _module, _attribute, _argument, _wrap), f"{_key}_in_{_wrap.__name__}")
