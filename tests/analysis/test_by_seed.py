"""The numbers behind the verdicts, seed by seed."""

import pandas as pd

from altool.analysis import by_seed
from altool.analysis.published import statements
from altool.analysis.study import Study, StudyCell


def test_every_quantity_that_is_judged_stands_there_by_seed(write_run, tmp_path, monkeypatch):
    accuracies = {"random": [[0.5, 0.6], [0.5, 0.62]], "ta_vaal": [[0.4, 0.7]]}
    cells = []
    for strategy, seeds in accuracies.items():
        folders = [write_run(strategy, seed, values) for seed, values in enumerate(seeds)]
        cells.append(StudyCell(strategy, "A", strategy, {}, folders[0].parent, (0, 1), 2))
    order = [said for said in statements("ta_vaal_draft_fig2a") if said.metric == "accuracy"]
    monkeypatch.setattr(by_seed, "statements", lambda name: order)
    frame = by_seed.by_seed(Study("x", {}, tuple(cells)))
    assert list(frame) == ["panel", "label", "seed", "n_labelled", "quantity", "value"]
    at_the_end = frame.loc[frame["n_labelled"] == 2000]
    assert [tuple(row) for row in at_the_end.itertuples(index=False)] == [
        ("A", "random", 0, 2000, "accuracy", 60.0),
        ("A", "random", 1, 2000, "accuracy", 62.0),
        ("A", "ta_vaal", 0, 2000, "accuracy", 70.0),
    ]
    assert len(frame) == 6
    smoke = by_seed.by_seed(Study("x", {}, tuple(cells), generated=True))
    assert isinstance(smoke, pd.DataFrame) and smoke.empty and list(smoke) == list(frame)
