"""What labelled clean data tell about a loaded network: preprocessing, size, order of classes."""

from repprobe.checkpoints.evidence.class_names import parse_classes
from repprobe.checkpoints.evidence.class_order import ClassOrder, find_class_order
from repprobe.checkpoints.evidence.finding import Finding
from repprobe.checkpoints.evidence.input_size import SizeFinding, find_image_size
from repprobe.checkpoints.evidence.preprocess import find_preprocessing
from repprobe.checkpoints.evidence.ties import Settled, settle

__all__ = [
    "ClassOrder",
    "Finding",
    "Settled",
    "SizeFinding",
    "find_class_order",
    "find_image_size",
    "find_preprocessing",
    "parse_classes",
    "settle",
]
