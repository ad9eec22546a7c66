"""Builds every attack file in a folder and reads each, watched; a line of JSON for each.

    python attacked.py FOLDER

Run as a process of its own by `test_attacks`, since an audit hook cannot be taken away.
"""

import contextlib
import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import attacks

from repprobe.checkpoints.reading import read

WATCHED = {
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile"),
    *("subprocess.Popen", "webbrowser.open", "urllib.Request", "socket.connect"),
    *("socket.getaddrinfo", "socket.sendto", "exec", "compile", "import", "ctypes.dlopen"),
    *("marshal.loads", "code.__new__", "pickle.find_class"),
}
IMPORTED = (
    *("timm.layers", "timm.models", "torchvision.models", "torchvision.ops", "torch_geometric.nn"),
    *("encodings.cp437", "encodings.raw_unicode_escape", "encodings.unicode_escape"),
)
"""What reading itself may import the first time."""

events: list[str] = []
watching = False


def watch(event, arguments):
    """Remember what a file must not cause."""
    if watching and (event in WATCHED or (event == "open" and arguments[1] in ("w", "wb", "a"))):
        events.append(f"{event} {arguments[0]!r:.80}")


def peak():
    """Return the largest memory since the last call of `reset`, in MiB; 0 where unknown."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) >> 10
    return 0


def reset():
    """Forget the peak of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main(folder):
    """Build all, then read all, and print what became of each; seconds are the processor's."""
    global watching
    warnings.simplefilter("ignore")
    canary = folder / "canary"
    tables = {**attacks.REFUSED, **attacks.HARMLESS}
    for name, build in tables.items():
        build(folder / f"{name}.pt", canary)
    for name in attacks.HARMLESS:  # what reading imports is imported before it is watched
        read(folder / f"{name}.pt")
    for module in IMPORTED:
        import_module(module)
    sys.addaudithook(watch)
    for name in tables:
        events.clear()
        reset()
        before, start = peak(), time.process_time()
        watching = True
        error, bases, message = "", [], ""
        try:
            read(folder / f"{name}.pt")
        except BaseException as err:  # whatever it is, the test is told
            error, message = type(err).__name__, str(err)
            bases = [base.__name__ for base in type(err).__mro__]
        watching = False
        found = {
            "name": name,
            "error": error,
            "bases": bases,
            "message": message,
            "seconds": time.process_time() - start,
            "memory": peak() - before,
            "events": list(events),
            "canary": canary.exists(),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
