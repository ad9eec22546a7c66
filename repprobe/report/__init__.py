"""From `Scores` to pictures: the layer heatmap, the depth profile and the budget curve."""

from repprobe.report.budgets import BudgetCurve
from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.profile import DepthProfile
from repprobe.report.save import save_figures

__all__ = ["BudgetCurve", "DepthProfile", "LayerHeatmap", "save_figures"]
