"""Pictures of `Scores`: heatmaps, profiles along the depth, budget curves; training curves."""

from repprobe.report.budgets import BudgetCurve
from repprobe.report.curves import TrainingCurves
from repprobe.report.damage import DamageHeatmap, DamageProfile
from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.memorization import MemorizationProfile
from repprobe.report.profile import DepthProfile
from repprobe.report.save import save_budget, save_curves, save_figures
from repprobe.report.similarity import SimilarityProfile

__all__ = [
    "BudgetCurve",
    "DamageHeatmap",
    "DamageProfile",
    "DepthProfile",
    "LayerHeatmap",
    "MemorizationProfile",
    "SimilarityProfile",
    "TrainingCurves",
    "save_budget",
    "save_curves",
    "save_figures",
]
