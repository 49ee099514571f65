"""How figures look: a paper's column, colours safe for the colour-blind, legible in grey."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from altool.analysis.curves import Curve

COLUMN_INCHES = 3.3  # one column of the two-column CVPR and IEEE templates, rounded up
AXES_INCHES = 2.25
RASTER_DPI = 300

# Okabe & Ito, "Color Universal Design" (2008); their yellow is too pale for a line on white and is
# darkened.
VERMILLION, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
BLACK, YELLOW, GREY = "#000000", "#B5A400", "#6E6E6E"
SILVER, PALE = "#A9A9A9", "#D9D9D9"  # what is only background
COLOURS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW, GREY)

SOLID, DASHED, DOTTED = (0, ()), (0, (4, 1.5)), (0, (1, 1.2))
DASH_DOT, LONG_DASH = (0, (5, 1.5, 1, 1.5)), (0, (8, 2))
LINES = (SOLID, DASHED, DASH_DOT, DOTTED, LONG_DASH)
HATCHES = (
    "",
    "////",
    "....",
    "xxxx",
    "\\\\\\\\",
    "++++",
    "----",
    "oo",
)  # of bars, which have neither line nor marker
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    line: tuple[float, tuple[float, ...]]


# A method looks the same in every figure; those that the papers compare have hues of their own.
LOOKS = {
    "random": Look(GREY, "o", DASHED),
    "least_confidence": Look(BLACK, "<", DOTTED),
    "margin": Look(YELLOW, ">", DASH_DOT),
    "entropy": Look(ORANGE, "P", DASHED),
    "coreset": Look(PURPLE, "X", LONG_DASH),
    "learning_loss": Look(GREEN, "^", SOLID),
    "learning_loss_v2": Look(SKY, "v", DASH_DOT),
    "vaal": Look(BLUE, "s", SOLID),
    "ta_vaal": Look(VERMILLION, "D", SOLID),
    "vaal_learning_loss": Look(SKY, "h", DASHED),
    "vab_al": Look(BLACK, "h", SOLID),
    "bald": Look(ORANGE, "<", DOTTED),
    "sraal": Look(GREEN, "X", DASHED),
    "ldr": Look(BLUE, "P", SOLID),
    "dfal": Look(SKY, ">", DASH_DOT),
    "ldr_vat": Look(PURPLE, "^", DOTTED),
    "uncertain_gcn": Look(YELLOW, "s", DOTTED),
    "core_gcn": Look(YELLOW, "D", SOLID),
}

# Over matplotlib's own defaults, so that a person's matplotlibrc changes nothing.
RC: dict[str, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,  # TrueType, which publishers ask for, instead of Type 3
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "altool",  # else element ids are random
}


def looks(curves: Sequence[Curve]) -> list[Look]:
    """One look per curve, all distinct."""
    return looks_of([curve.variant.strategy for curve in curves])


def looks_of(strategies: Sequence[str]) -> list[Look]:
    """One look for each, all distinct.

    Variants of a method share its colour. In a panel of one method only, colour tells its variants
    apart.
    """
    methods = list(dict.fromkeys(strategies))
    base = {strategy: LOOKS[strategy] for strategy in methods if strategy in LOOKS}
    for strategy in methods:
        base.setdefault(strategy, _by_name(strategy, list(base.values())))
    chosen: list[Look] = []
    seen: dict[str, int] = {}
    for strategy in strategies:
        nth = seen.get(strategy, 0)
        seen[strategy] = nth + 1
        chosen.append(_variant(base[strategy], nth, chosen, recolour=len(methods) == 1))
    return chosen


def hatch(nth: int) -> str:
    """Of the `nth` bar in a group."""
    return HATCHES[nth % len(HATCHES)]


def _by_name(strategy: str, taken: Sequence[Look]) -> Look:
    """Of a method that altool does not know: the same everywhere as far as it is free."""
    number = zlib.crc32(strategy.encode())
    colour = _free(COLOURS, number, {look.colour for look in taken})
    marker = _free(MARKERS, number // len(COLOURS), {look.marker for look in taken})
    return Look(colour, marker, LINES[number // 90 % len(LINES)])


def _free(choices: Sequence[str], start: int, taken: set[str]) -> str:
    turned = [choices[(start + i) % len(choices)] for i in range(len(choices))]
    return next((choice for choice in turned if choice not in taken), turned[0])


def _variant(base: Look, nth: int, chosen: Sequence[Look], recolour: bool) -> Look:
    """The `nth` look after `base` that no curve has yet."""
    start = COLOURS.index(base.colour), MARKERS.index(base.marker), LINES.index(base.line)
    for step in range(nth, nth + len(COLOURS) * len(MARKERS) * len(LINES)):
        look = replace(
            base,
            colour=COLOURS[(start[0] + step) % len(COLOURS)] if recolour else base.colour,
            marker=MARKERS[(start[1] + step) % len(MARKERS)],
            line=LINES[(start[2] + step + step // len(MARKERS)) % len(LINES)],
        )
        if look not in chosen:
            return look
    return base
