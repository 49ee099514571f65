"""Which stages words mean, for the 1,000 to 5,000 labels of P1's imbalanced sets."""

import pytest

from altool.analysis.moment import moments, readings

PLANNED = (1000, 2000, 3000, 4000, 5000)


@pytest.mark.parametrize(
    ("at", "stages"),
    [
        ("every", (2000, 3000, 4000, 5000)),
        ("every except 3000", (2000, 4000, 5000)),
        ("most", (2000, 3000, 4000, 5000)),
        ("first", (1000,)),
        ("final", (5000,)),
        ("early", (2000, 3000)),
        ("late", (4000, 5000)),
        ("mean", PLANNED),
        (">3000", (4000, 5000)),
        ("2000", (2000,)),
        ("3000 | 4000", (3000, 4000)),
        ("10000", (10000,)),  # not planned: looked for and not found
    ],
)
def test_stages(at, stages):
    (moment,) = moments(at, PLANNED)
    assert moment.stages == stages
    assert (moment.averaged, moment.most) == (at == "mean", at == "most")
    assert readings(at) == 1


def test_an_odd_number_of_queries_gives_the_middle_one_to_the_early_half():
    assert moments("early", PLANNED[:4])[0].stages == (2000, 3000)
    assert moments("late", PLANNED[:4])[0].stages == (4000,)
    assert moments("late", PLANNED[:2])[0].stages == (2000,), "one query is early and late"


def test_annotations_are_labelled_or_bought():
    labelled, bought = moments("300 annotations", (100, 200, 300, 400))
    assert (labelled.stages, bought.stages) == ((300,), (400,))
    assert (labelled.text, bought.text) == (
        "300 annotations as 300 labelled",
        "300 annotations as 400 labelled",
    )
    assert readings("300 annotations") == 2


def test_how_a_moment_is_said():
    assert moments("final", PLANNED)[0].text == "5,000 labelled"
    assert moments("3000 | 4000", PLANNED)[0].text == "3,000 and 4,000 labelled"
    assert moments("every", PLANNED)[0].text == "every"
    assert moments(">3000", PLANNED)[0].text == ">3000"
