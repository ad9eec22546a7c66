"""Data sets by name or path: a clean training part, a test part, and the task."""

from repprobe.data.dataset import ArrayPart, Data, Part, Raw, SubsetPart, Task
from repprobe.data.graphs.graphs import Graphs
from repprobe.data.loading import load_data
from repprobe.data.names import known_names
from repprobe.data.splits import Draw, draws

__all__ = [
    "ArrayPart",
    "Data",
    "Draw",
    "Graphs",
    "Part",
    "Raw",
    "SubsetPart",
    "Task",
    "draws",
    "known_names",
    "load_data",
]
