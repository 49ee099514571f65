"""Open nodes: unknown names first, then missing ones, then types; nothing from outside unless trusted."""

import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from altool.config.nodes import check_node
from altool.core.errors import UserError


@dataclass(frozen=True)
class Toy:
    needed: int
    rate: float = 0.5
    mode: Literal["mean", "sum"] = "mean"
    limit: float | None = None
    many: int | str = 3
    on: bool = True
    widths: tuple[int, ...] = (1, 2)


class Net:
    def __init__(self, input_shape: Sequence[int], n_classes: int, hidden: Sequence[int] = (4,)):
        self.hidden = hidden


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy and Net in a trusted module."""
    module = types.ModuleType("toys")
    vars(module).update(Toy=Toy, Net=Net)
    monkeypatch.setitem(sys.modules, "toys", module)
    monkeypatch.setenv("ALTOOL_TRUST", "toys,others")


def arguments(**values: Any) -> dict[str, Any]:
    node = {"_target_": "toys.Toy", "name": "toy", "needed": 1, **values}
    return check_node({k: v for k, v in node.items() if v != "left out"}, "strategy")[1]


def test_values_that_fit_are_handed_on() -> None:
    values = arguments(rate=2, mode="sum", limit=None, many="all", on=False, widths=[3])
    assert values == {
        "needed": 1,
        "rate": 2.0,
        "mode": "sum",
        "limit": None,
        "many": "all",
        "on": False,
        "widths": (3,),
    }
    assert type(values["rate"]) is float
    hash(Toy(**values))


@pytest.mark.parametrize(
    "values,message",
    [
        ({"betta": 1}, "strategy.betta is no option of Toy: known: "),
        ({"rat": 1, "needed": "left out"}, "strategy.rat is no option of Toy: did you mean strategy.rate=1?"),
        ({"needed": "left out"}, "Toy needs strategy.needed: type strategy.needed=…"),
        ({"needed": 1.5}, "strategy.needed=1.5: must be a whole number."),
        ({"needed": True}, "strategy.needed=True: must be a whole number."),
        ({"rate": "high"}, "strategy.rate=high: must be a number."),
        ({"rate": None}, "strategy.rate=None: must be a number."),
        ({"mode": "summ"}, "strategy.mode=summ: did you mean sum?"),
        ({"limit": "x"}, "strategy.limit=x: must be a number or null."),
        ({"many": 0.5}, "strategy.many=0.5: must be a whole number or a text."),
        ({"on": 1}, "strategy.on=1: must be true or false."),
        ({"widths": [1, "a"]}, "strategy.widths=[1, 'a']: must be a list."),
        ({"_target_": "toys.Toi"}, "strategy._target_=toys.Toi: toys has no Toi: did you mean Toy?"),
        ({"_target_": "Toy"}, "strategy._target_=Toy: give the dotted path of a class"),
        (
            {"_target_": "altool.strategies.entropi.Entropy"},
            "strategy._target_=altool.strategies.entropi.Entropy: "
            "there is no module altool.strategies.entropi.",
        ),
        (
            {"_target_": "os.system"},
            "strategy._target_=os.system is code from outside altool: if you trust it, set ALTOOL_TRUST=os",
        ),
        ({"_target_": "toysy.Toy"}, "is code from outside altool"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        arguments(**values)
    assert message in str(raised.value)


def test_what_the_caller_gives_is_no_option() -> None:
    node = {"_target_": "toys.Net", "hidden": [8, 8]}
    target, values = check_node(node, "learner.model", ("input_shape", "n_classes"))
    assert target((2,), 2, **values).hidden == (8, 8)
    with pytest.raises(UserError, match=r"learner\.model\.n_classes is no option of Net"):
        check_node({**node, "n_classes": 3}, "learner.model", ("input_shape", "n_classes"))
