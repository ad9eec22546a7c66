"""Pictures: the layer heatmap, depth profile and budget curve of `Scores`; training curves."""

from repprobe.report.budgets import BudgetCurve
from repprobe.report.curves import TrainingCurves
from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.profile import DepthProfile
from repprobe.report.save import save_curves, save_figures

__all__ = [
    "BudgetCurve",
    "DepthProfile",
    "LayerHeatmap",
    "TrainingCurves",
    "save_curves",
    "save_figures",
]
