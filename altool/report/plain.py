"""Runs that belong to no paper's experiment: a section for each dataset, imbalance and learner."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from altool.analysis import compare, table
from altool.analysis.curves import Curve, Panel, panels
from altool.analysis.figure import stamped
from altool.analysis.layout import Sheet
from altool.analysis.metric import METRICS
from altool.analysis.read import planned_labels, read_stages
from altool.analysis.standing import standings
from altool.analysis.study import Study, StudyCell
from altool.core.errors import UserError
from altool.report import markup
from altool.report.markup import Markup, join, points, tag
from altool.report.provenance import of_study
from altool.report.section import Section, careful, seeds_of
from altool.report.settings import settings
from altool.report.vector import inline

BASELINE = "random"


def sections(folders: Sequence[Path]) -> list[Section]:
    """`folders`: of seeds with a finished stage each."""
    if not folders:
        return []
    stages = read_stages(folders)
    found = [(panel, rows) for metric, rows in _by_metric(stages) for panel in panels(rows, metric)]
    return [_section(panel, rows, f"runs-{n}") for n, (panel, rows) in enumerate(found, 1)]


def _by_metric(stages: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each run by the first metric that it recorded: accuracy, for segmentation mIoU."""
    found, rest = [], stages
    for metric in (metric for metric in METRICS if metric in stages):
        runs = [*rest.loc[rest[metric].notna(), "folder"]]
        if runs:
            has = rest["folder"].isin(runs)
            found.append((metric, rest.loc[has]))
            rest = rest.loc[~has]
    return found


def _section(panel: Panel, rows: pd.DataFrame, anchor: str) -> Section:
    of_panel = rows.query(
        "dataset == @panel.dataset and imbalance == @panel.imbalance and learner == @panel.learner"
        " and stamp == @panel.stamp"
    )
    study = _study(panel, of_panel)
    source = of_study(study)
    n_runs = len(set(of_panel["folder"]))
    done = len(set(of_panel.loc[of_panel["finished"].astype(bool), "folder"]))
    about = f"{panel.metric.name} against labels; {len(panel.curves)} configurations."
    body = tag(
        "section",
        tag("h3", tag("a", panel.title, href=f"#{anchor}"), id=f"{anchor}-title"),
        tag("p", panel.stamp, class_="stamp") if panel.stamp else "",
        tag("p", f"{done} of {n_runs} runs finished, n = {seeds_of(study)}.", class_="about"),
        tag("div", tag("figure", inline(stamped(panel), about, anchor)), class_="figures"),
        _sheet(table.sheet(panel)),
        *(_sheet(sheet) for sheet in _against_baseline(of_panel, panel)),
        careful(study, source),
        settings(study),
        source.folded(),
        tag("p", tag("a", "back to the list", href="#list"), class_="back"),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )
    nothing = pd.DataFrame(columns=["kind", "origin", "verdict", "measured"])
    runs, smoke = (done, n_runs), bool(panel.stamp)
    return Section(
        anchor, "", "", panel.title, seeds_of(study), runs, nothing, panel.stamp, source, [], smoke, body
    )


def _study(panel: Panel, rows: pd.DataFrame) -> Study:
    """The panel's runs as a study without views, for what is told of any."""
    return Study(panel.slug, {}, tuple(_cell(curve, rows) for curve in panel.curves))


def _cell(curve: Curve, rows: pd.DataFrame) -> StudyCell:
    folder = Path(curve.variant.cell)
    seeds = tuple(sorted(int(seed) for seed in rows.loc[rows["cell"] == str(folder), "seed"].unique()))
    stages = len(planned_labels(folder)) or len(curve.values)
    return StudyCell(curve.label, "", curve.variant.strategy, curve.variant.overrides, folder, seeds, stages)


def _against_baseline(rows: pd.DataFrame, panel: Panel) -> list[Sheet]:
    """Paired differences to random, where it ran beside others."""
    if {curve.variant.strategy for curve in panel.curves} <= {BASELINE}:
        return []
    try:
        return [compare.differences(*pair) for pair in standings(rows, panel.metric.column, BASELINE)]
    except UserError:  # no random, or no pair
        return []


def _sheet(sheet: Sheet) -> Markup:
    head, *body = sheet.rows
    return join([markup.table(sheet.heading, head, body), points(sheet.notes, "notes")])
