"""What labelled clean data tell about a loaded network: preprocessing, size, order of classes."""

from repprobe.checkpoints.evidence.class_order import ClassOrder, find_class_order
from repprobe.checkpoints.evidence.finding import Finding
from repprobe.checkpoints.evidence.preprocess import find_preprocessing

__all__ = ["ClassOrder", "Finding", "find_class_order", "find_preprocessing"]
