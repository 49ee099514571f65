"""Passes in chunks against the same done by hand."""

import logging

import pytest
import torch

from altool.core.chunks import in_chunks


def test_rows_come_back_in_order_with_progress() -> None:
    seen: list[tuple[int, int]] = []
    found, size = in_chunks(
        7, 3, lambda part: {"x": torch.arange(7)[part] ** 2}, lambda *done: seen.append(done)
    )
    assert found["x"].tolist() == [0, 1, 4, 9, 16, 25, 36] and size == 3
    assert seen == [(3, 7), (6, 7), (7, 7)]


def test_nothing_is_served_once_so_that_its_shape_is_known() -> None:
    found, _ = in_chunks(0, 4, lambda part: {"x": torch.zeros(9, 2)[part]})
    assert found["x"].shape == (0, 2)


@pytest.mark.parametrize(
    ("room", "sizes"), [(5, [8, 4, 4, 2]), (3, [8, 4, 2, 2, 2, 2, 2]), (1, [8, 4, 2, *[1] * 10])]
)
def test_what_does_not_fit_is_halved_and_stays_so(
    room: int, sizes: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def serve(part: slice) -> dict[str, torch.Tensor]:
        asked.append(part.stop - part.start)
        if asked[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return {"x": torch.arange(10)[part]}

    with caplog.at_level(logging.WARNING, "altool"):
        found, size = in_chunks(10, 8, serve)
    assert found["x"].tolist() == list(range(10))
    assert asked == sizes and size == {5: 4, 3: 2, 1: 1}[room]
    assert caplog.records[-1].getMessage() == f"out of memory: scoring {size} items at a time from now on"


def test_one_item_that_does_not_fit_is_not_tried_again() -> None:
    def serve(part: slice) -> dict[str, torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        in_chunks(4, 1, serve)
