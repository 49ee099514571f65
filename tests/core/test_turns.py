"""Tasks that take turns: the order of their steps, their clocks, their errors, and what ends them early."""

import _thread
import signal
import threading
import time

import pytest

from altool.core.turns import others_wait, own_seconds, pass_turn, take_turns


def steps(name: str, n: int, seen: list[str]):
    def task() -> None:
        for k in range(n):
            seen.append(f"{name}{k}")
            pass_turn()

    return task


def test_one_step_each_in_order_and_a_free_seat_takes_the_next_task():
    seen: list[str] = []
    take_turns([steps("a", 3, seen), steps("b", 1, seen), steps("c", 2, seen)], at_once=2)
    assert seen == ["a0", "b0", "a1", "c0", "a2", "c1"]


@pytest.mark.parametrize("at_once", [3, 7])
def test_all_at_once(at_once):
    seen: list[str] = []
    take_turns([steps("a", 2, seen), steps("b", 1, seen), steps("c", 2, seen)], at_once)
    assert seen == ["a0", "b0", "c0", "a1", "c1"]


def test_one_at_once_stays_in_this_thread():
    seen: list[object] = []
    take_turns([lambda: seen.append(threading.get_ident()), pass_turn], at_once=1)
    assert seen == [threading.get_ident()]
    take_turns([], at_once=4)


def test_never_two_at_work():
    inside = 0

    def task() -> None:
        nonlocal inside
        for _ in range(20):
            inside += 1
            time.sleep(0.0005)  # would let another thread in
            assert inside == 1
            inside -= 1
            pass_turn()

    take_turns([task] * 4, at_once=4)


def test_the_tasks_times_add_up_to_the_whole():
    own: list[float] = []

    def task() -> None:
        begin = own_seconds()
        for _ in range(5):
            time.sleep(0.01)
            pass_turn()
        own.append(own_seconds() - begin)

    begin = time.perf_counter()
    take_turns([task] * 3, at_once=3)
    whole = time.perf_counter() - begin
    assert sum(own) == pytest.approx(whole, rel=0.2)
    assert max(own) < 0.7 * whole


def test_an_error_ends_its_task_others_finish_and_no_more_begin():
    seen: list[str] = []

    def broken() -> None:
        pass_turn()
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        take_turns([broken, steps("b", 3, seen), steps("c", 1, seen)], at_once=2)
    assert seen == ["b0", "b1", "b2"]


def test_others_wait_while_there_are_others():
    seen: list[bool] = []

    def long() -> None:
        seen.append(others_wait())
        pass_turn()
        pass_turn()
        seen.append(others_wait())

    take_turns([long, pass_turn], at_once=2)
    assert seen == [True, False] and not others_wait()


@pytest.fixture
def ctrl_c_is_heard():
    """Also where the shell that began the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_an_interrupt_while_waiting_ends_every_task_at_its_next_safe_point():
    begun: list[int] = []

    def endless() -> None:
        begun.append(1)
        if len(begun) == 2:
            _thread.interrupt_main()
        while True:
            time.sleep(0.001)
            pass_turn()

    with pytest.raises(KeyboardInterrupt):
        take_turns([endless, endless, endless], at_once=2)
    assert len(begun) == 2
