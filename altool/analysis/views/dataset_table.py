"""The sets themselves: images per class, total, entropy, start set and test set (P0 Table 1, P3 Table I)."""

import numpy as np
import pandas as pd

from altool.analysis.study import Output, Study
from altool.core.errors import UserError


def view(study: Study) -> list[Output]:
    """A row per set: its classes' counts in the pool, their total, the entropy of their shares in nats, and how many
    items are labelled at the start and held out to test on."""
    if study.datasets.empty:
        raise UserError(f"{study.name}: none of its sets was measured yet.")
    rows = []
    for record in study.datasets.to_dict("records"):
        counts = np.array([int(n) for n in str(record["class_counts"]).split(";")])
        rows.append(
            {
                "Set": record["label"],
                "Images per class": ", ".join(f"{n:,}" for n in counts),
                "Total": int(counts.sum()),
                "Entropy (nats)": round(entropy(counts), 4),
                "Start set": record["start"],
                "Test": record["n_test"],
            }
        )
    return [
        Output(
            "dataset_table",
            "table",
            None,
            pd.DataFrame(rows),
            "Sizes of the pools, counted in the data that the runs see.",
        )
    ]


def entropy(counts: np.ndarray) -> float:
    """Of the shares of the counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum()) + 0.0
