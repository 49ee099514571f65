"""The numbers that verdicts rest on, seed by seed."""

from itertools import product

import pandas as pd

from altool.analysis.published import statements
from altool.analysis.quantity import values
from altool.analysis.study import Study
from altool.analysis.verdict import FACTS


def by_seed(study: Study) -> pd.DataFrame:
    """What the verdicts were made of: panel, label, seed, n_labelled, quantity, value in printed units; a row for every
    quantity that the paper speaks of, nothing of generated data."""
    told = () if study.generated else statements(study.name)
    wanted = dict.fromkeys(s.metric for s in told if s.relation and s.metric not in FACTS)
    found = []
    for quantity, cell in product(wanted, study.cells):
        table = values(study, cell, quantity).rename_axis("n_labelled").reset_index()
        tidy = table.melt("n_labelled", var_name="seed", value_name="value").dropna()
        found.append(tidy.assign(panel=cell.panel, label=cell.label, quantity=quantity))
    columns = ["panel", "label", "seed", "n_labelled", "quantity", "value"]
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return frame.reindex(columns=columns).astype({"seed": int, "n_labelled": int, "value": float})
