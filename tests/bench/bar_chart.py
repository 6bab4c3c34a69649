"""Bar charts as one SVG: small, without a library, readable on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
LABELS: Final = 200
BARS: Final = WIDTH - LABELS - 90
LINE: Final = 20
GREY: Final = "#808080"
BLUE: Final = "#4c8bb8"
RED: Final = "#c0504d"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one unit, from zero, and perhaps a goal."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]
    goal: float | None = None
    #: Whether the goal is a least value; otherwise it is a bound.
    is_least: bool = False


def svg(charts: Sequence[Chart]) -> str:
    """Return the charts below each other."""
    parts, y = [], 0
    for chart in charts:
        parts += _chart(chart, y)
        y += LINE * (len(chart.bars) + 2)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="13">'
    return "\n".join((head, *parts, "</svg>")) + "\n"


def _chart(chart: Chart, top: int) -> list[str]:
    longest = max([value for _, value in chart.bars] + [chart.goal or 0.0]) or 1.0
    goal = ""
    if chart.goal is not None:
        goal = f" (goal: at {'least' if chart.is_least else 'most'} {_value(chart.goal, chart.unit)})"
    parts = [_text(0, top + LINE, f"{chart.title}{goal}", "start", 'font-weight="bold"')]
    for number, (label, value) in enumerate(chart.bars, start=1):
        y, length = top + LINE * number, value / longest * BARS
        parts.append(f'<rect x="{LABELS}" y="{y + 6}" width="{length:.1f}" height="{LINE - 4}" fill="{BLUE}"/>')
        parts.append(_text(LABELS - 8, y + LINE - 1, label, "end"))
        parts.append(_text(LABELS + length + 6, y + LINE - 1, _value(value, chart.unit), "start"))
    if chart.goal is not None:
        x, bottom = LABELS + chart.goal / longest * BARS, top + LINE * (len(chart.bars) + 1) + 4
        parts.append(f'<path d="M{x:.1f} {top + LINE + 4}V{bottom}" stroke="{RED}" stroke-dasharray="3"/>')
    return parts


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" fill="{GREY}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def _value(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}".rstrip()
