"""What was asked and answered only grows."""

from pathlib import Path

import pytest

from altool.core.errors import UserError
from altool.core.ledger import Asked, Ledger


def test_answers_and_questions_are_remembered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert (ledger.answers, ledger.asked, ledger.last_query) == ({}, {}, 0)
    assert ledger.take({"a": "cat", "b": "dog"}) == {"a": "cat", "b": "dog"}
    ledger.ask([Asked(1, 1, "c", 0.5, "cat", 0.75), Asked(1, 2, "d, e", 0.25, None, None)])
    assert ledger.answered_since(1) == 0
    ledger = Ledger(tmp_path)
    assert ledger.take({"a": "cat", "b": "skip", "c": "dog"}) == {"b": "skip", "c": "dog"}
    assert ledger.take({"a": "cat"}) == {}
    ledger = Ledger(tmp_path)
    assert ledger.answers == {"a": "cat", "b": "skip", "c": "dog"}
    assert ledger.asked == {"c": 1, "d, e": 1}
    assert (ledger.last_query, ledger.answered_since(1)) == (1, 2)
    assert (tmp_path / "answers.csv").read_text() == "query,path,label\n1,a,cat\n1,b,dog\n2,b,skip\n2,c,dog\n"
    assert (tmp_path / "asked.csv").read_text() == (
        'query,rank,path,score,predicted,confidence\n1,1,c,0.5,cat,0.75\n1,2,"d, e",0.25,,\n'
    )


@pytest.mark.parametrize(
    "text", ["", "path,label\na,b\n", "query,path,label\nx,a,cat\n", "query,path,label\n1\n2,\n\xff"]
)
def test_a_damaged_table_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "answers.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"answers\.csv is damaged"):
        Ledger(tmp_path)
