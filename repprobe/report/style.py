"""The one look of all pictures: fonts, sizes in points and inches, colours, number formats."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

INK, SOFT, RULE = "#1a1a1a", "#5f5f5f", "#e3e3e3"
"""Text and marks; secondary text; guide lines."""

COLORMAP = "viridis"
"""Perceptually uniform, safe for the colour-blind, and of rising luminance in grey print."""

DIVERGING = "RdBu_r"
"""For differences: white where there is none, safe for the colour-blind."""

WORSE = "#b2182b"
"""The dark end of `DIVERGING`: what was lost."""

PALETTE = "colorblind"
"""seaborn's, as its theme is, so that the figures of studies look the same."""

_DARK_ENOUGH = (0, 3, 2, 4, 1, 9, 7)
"""Places in the palette of colours for lines on white, the most different first."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")

DPI = 200
LONGEST_SIDE = 6000
"""Pixels past which a PNG gets a lower resolution, though never one that blurs the names."""

NBSP = "\N{NO-BREAK SPACE}"

FLOOR_R2 = -0.25
"""R² below which nothing is drawn to scale; a bad fit can be at −1000."""

PAD = 0.08
TITLE, LABEL, NOTE = 9.0, 7.5, 7.0

_RC: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": LABEL,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": LABEL,
    "axes.linewidth": 0.6,
    "axes.titlesize": TITLE,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": NOTE,
    "ytick.labelsize": LABEL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": NOTE,
    "svg.fonttype": "none",
    "svg.hashsalt": "repprobe",
    "figure.dpi": DPI,
    "savefig.dpi": "figure",
}


@contextmanager
def look() -> Iterator[None]:
    """Draw and save in the project's look, whatever the user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        import seaborn as sns

        mpl.rcdefaults()
        theme: Any = sns.axes_style("ticks")
        mpl.rcParams.update({**theme, **_RC})
        yield


@dataclass(frozen=True)
class Rows:
    """Sizes of a row: `pitch` and `gap` in inches, `label` and `number` in points."""

    pitch: float
    gap: float
    label: float
    number: float

    @classmethod
    def of(cls, count: int) -> Rows:
        """Return the sizes for `count` rows: the more there are, the tighter."""
        if count <= 30:
            return cls(0.19, 0.06, LABEL, 6.5)
        if count <= 80:
            return cls(0.15, 0.05, 7.0, 6.0)
        return cls(0.115, 0.05, 6.0, 5.5)


def resolution(width: float, height: float) -> float:
    """Return the dots per inch for a PNG of `width` x `height` inches."""
    longest = max(width, height)
    wanted = min(float(DPI), max(100.0, LONGEST_SIDE / longest))
    return min(wanted, 65_000 / longest)  # the rasterizer's own limit is 2^16 pixels


def depth_colors(count: int) -> list[str]:
    """Return colours for `count` layers in depth order, dark to light, all legible on white."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[COLORMAP](0.9 * place / max(count - 1, 1))) for place in range(count)]


def color(model: int) -> str:
    """Return the colour of the model at this place; after seven they come again."""
    import seaborn as sns

    place = _DARK_ENOUGH[model % len(_DARK_ENOUGH)]
    return str(sns.color_palette(PALETTE).as_hex()[place])


def marker(model: int) -> str:
    """Return the mark of the model at this place; after twelve they come again."""
    return MARKERS[model % len(MARKERS)]


def metric_label(metric: str) -> str:
    """Return the axis label of a leading metric."""
    return "Test R²" if metric == "r2" else "Test accuracy (%)"


def span(figures: NDArray[np.float64], metric: str) -> tuple[float, float]:
    """Return the ends of an axis for the figures and a margin; NaN is left out."""
    drawn = figures[np.isfinite(figures)]
    if not drawn.size:
        return 0.0, 1.0
    low, high = float(drawn.min()), float(drawn.max())
    if metric == "r2":
        low, high = max(low, FLOOR_R2), max(high, FLOOR_R2 + 0.1)
    margin = max(0.06 * (high - low), 0.01)
    return low - margin, high + margin


def scaled(value: float, metric: str) -> float:
    """Return the value in the unit of its axis: accuracy in per cent, R² as it is."""
    return value if metric == "r2" else 100 * value


def number(value: float, metric: str, decimals: int = 1) -> str:
    """Return the figure as text without unit: 83.6; R² 0.836, whatever the decimals."""
    if not math.isfinite(value):
        return "NaN"
    if metric == "r2":
        text = f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}"
    else:
        text = f"{100 * value:.{decimals}f}"
    return text.replace("-", "−")


def quantity(value: float, metric: str) -> str:
    """Return the figure as text with its unit: 83.6 %, R² 0.836."""
    text = number(value, metric)
    return f"R²{NBSP}{text}" if metric == "r2" else f"{text}{NBSP}%"


def dark(color: Sequence[float]) -> bool:
    """Whether white is easier to read than black on this colour.

    By relative luminance as in WCAG 2; the border is higher than the 0.179 of its contrast ratio,
    which puts black on dark teal.
    """
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.25
