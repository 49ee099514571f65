"""The nearest right name."""

import pytest

from altool.core.errors import did_you_mean, nearest


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("tavaal", "ta_vaal"), ("TA-VAAL", "ta_vaal"), ("entropie", "entropy"), ("qqqq", None)],
)
def test_nearest(typed, expected):
    assert nearest(typed, ["ta_vaal", "vaal", "entropy"]) == expected


def test_a_hopeless_name_gets_the_list():
    assert did_you_mean("qqqq", ["b", "a"]) == "known: a, b"
