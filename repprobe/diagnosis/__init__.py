"""From scores to an answer: where the representation is best, and where damage begins."""

from repprobe.diagnosis.summary import Diagnosis, best_layer, diagnose

__all__ = ["Diagnosis", "best_layer", "diagnose"]
