"""From scores to an answer: where the representation is best, and where damage begins."""

from repprobe.diagnosis.best import best_layer
from repprobe.diagnosis.damage import LayerDamage
from repprobe.diagnosis.onset import MARGIN
from repprobe.diagnosis.summary import Diagnosis
from repprobe.diagnosis.verb import diagnose

__all__ = ["MARGIN", "Diagnosis", "LayerDamage", "best_layer", "diagnose"]
