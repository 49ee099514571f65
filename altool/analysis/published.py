"""What the papers print: the values and the claims in words of published.csv, one grammar for both.

    experiment  name of the experiment that measures it
    kind        value (a printed number) or claim (a sentence about order, bound, size or stage)
    paper, item  P0 to P3, its figure or table
    section     of the paper; for another origin: the file of the repository that the text names
    page        as P2 and P3 print it; of P1 by the page links of its reference list: what a section cites, and nothing else
                cites, bounds it; "" for P0, whose text shows no page, and for files
    dataset     the panel, where an experiment has several (empty: each of them); `A | B`: their runs taken together;
                `A or B`: two readings (V9)
    strategy    name or legend label; `A | B`: each of them; `A except B`: all of strategy A but the label B
    versus      the rivals, each of them, in pairs of equal seed; `best of A | B`, `worst of A | B`; empty: absolute
    at          stage by labels (2000, 3000 | 4000, >3000), every (after the first query; `every except 5000`), most, first,
                early, late (the halves after the first query), final, mean (over all stages); `100 annotations` is P3's
                count, read as 100 labelled and as 100 bought beside the start set (L1)
    metric      see quantity.py
    relation    = < <= > >=; << and >> for "substantially" and "significantly", which one seed can never show; ~ for
                "comparable": within the margin that value gives, else one point (comparison.py judges); empty: words that
                no number decides
    value, unit, std, trials     as printed: % and pp of accuracy, times for a ratio
    read_to     how far a value read off a figure may be from the one drawn, either way; empty: printed in digits
    origin      paper, derived (arithmetic on the paper's numbers), authors' repository, third party
    text        what is said, in short

The check marks of P2 Table 1 are lost in its text; its rows follow the sentence that the prior gains more (4.4.1).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

KINDS = ("value", "claim")
RELATIONS = ("=", "<", "<=", ">", ">=", "<<", ">>", "~", "")
OWN = ("paper", "derived")  # origins that are the paper's word
ORIGINS = ("paper", "derived", "authors' repository", "third party")


@dataclass(frozen=True)
class Statement:
    """One row; `value`, `std`, `trials` and `read_to` are None where nothing is printed."""

    experiment: str
    kind: str
    paper: str
    item: str
    section: str
    page: str
    dataset: str
    strategy: str
    versus: str
    at: str
    metric: str
    relation: str
    value: float | None
    unit: str
    std: float | None
    trials: int | None
    read_to: float | None
    origin: str
    text: str

    def printed(self) -> str:
        """The published side as text: `90.32 %`, `> 5 pp`, `>` against the rivals, "" for words alone."""
        number = "" if self.value is None else f"{self.value:g} {self.unit}"
        return f"{'' if self.relation == '=' else self.relation} {number}".strip()


def statements(experiment: str) -> list[Statement]:
    """The rows of `experiment` one by one."""
    found = []
    for row in rows(experiment).to_dict("records"):
        said: dict[str, Any] = {str(key): None if pd.isna(value) else value for key, value in row.items()}
        trials = said.pop("trials")
        found.append(Statement(**said, trials=None if trials is None else int(trials)))
    return found


@cache
def _table() -> pd.DataFrame:
    with files("altool.analysis").joinpath("published.csv").open(encoding="utf-8") as file:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column in ("value", "std", "trials", "read_to"):
        frame[column] = pd.to_numeric(frame[column])  # empty: nan
    return frame


def everything() -> pd.DataFrame:
    """All rows; text columns are "" and number columns nan where nothing is printed."""
    return _table().copy()


def rows(experiment: str) -> pd.DataFrame:
    """The rows of one experiment, in the order of the file; none for a name that prints nothing."""
    return _table().query("experiment == @experiment").reset_index(drop=True)


def has_values(experiment: str) -> bool:
    """Whether the paper itself prints a number that this experiment measures."""
    table = rows(experiment)
    return bool(((table["kind"] == "value") & table["origin"].isin(OWN)).any())
