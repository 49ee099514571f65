"""Shares of work in threads of their own."""

import threading

import pytest
import torch

from altool.core.crew import Crew

CPU = torch.device("cpu")


@pytest.mark.parametrize("threads", [1, 3])
def test_every_share_is_worked_on_once_and_results_come_in_order(threads_are, threads: int) -> None:
    threads_are(threads)
    weight = torch.ones(2, requires_grad=True)
    with Crew(CPU) as crew:
        for _ in range(3):
            results = crew.each(lambda n: n * weight, range(20))
            assert torch.stack(results).tolist() == [[n, n] for n in range(20)]
            assert not results[0].requires_grad


def test_shares_are_worked_on_at_the_same_time_by_threads_of_one_core_each(threads_are) -> None:
    threads_are(3)
    together = threading.Barrier(3)

    def work(_: int) -> int:
        together.wait(10)
        return torch.get_num_threads()

    with Crew(CPU) as crew:
        assert crew.each(work, range(3)) == [1, 1, 1]
        assert torch.get_num_threads() == 1
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3] and torch.get_num_threads() == 3


def test_one_core_and_a_gpu_need_no_threads(threads_are) -> None:
    threads_are(1)
    with Crew(CPU) as crew:
        assert crew.each(lambda _: threading.get_ident(), range(2)) == [threading.get_ident()] * 2
    threads_are(3)
    with Crew(torch.device("cuda")) as crew:
        assert crew.each(lambda _: threading.get_ident(), range(2)) == [threading.get_ident()] * 2


def test_what_goes_wrong_in_a_share_reaches_the_caller_and_ends_the_threads(threads_are) -> None:
    threads_are(2)

    def work(n: int) -> int:
        if n == 1:
            raise ValueError("share 1")
        return n

    before = threading.active_count()
    with pytest.raises(ValueError, match="share 1"), Crew(CPU) as crew:
        crew.each(work, range(5))
    assert threading.active_count() == before and torch.get_num_threads() == 2
