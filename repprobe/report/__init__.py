"""From `Scores` to pictures: the layer heatmap and the depth profile."""

from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.profile import DepthProfile
from repprobe.report.save import save_figures

__all__ = ["DepthProfile", "LayerHeatmap", "save_figures"]
