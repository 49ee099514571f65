"""What asks a run to stop, and who hears of it."""

import os
import signal

import pytest

from altool.core import stop
from altool.core.errors import EXIT_INTERRUPTED, EXIT_STOPPED, Stopped
from altool.core.stop import check_stop, hand_over, stop_on_signals, watch_halt


def signalled(*numbers: signal.Signals) -> Stopped:
    with pytest.raises(Stopped) as raised, stop_on_signals():
        for number in numbers:
            os.kill(os.getpid(), number)
        check_stop()
    return raised.value


@pytest.fixture
def scheduler():
    """A launcher's own handlers, as submitit sets them: what they were called with."""
    heard: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGUSR2)
    before = {n: signal.signal(n, lambda number, _: heard.append(number)) for n in numbers}
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_signal_decides_the_exit_code():
    assert signalled(signal.SIGTERM).exit_code == EXIT_STOPPED
    assert signalled(signal.SIGINT).exit_code == EXIT_INTERRUPTED
    check_stop()  # nothing is left of them


def test_a_second_signal_does_not_wait():
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def test_the_schedulers_handler_is_called_once_all_is_written(scheduler):
    stopped = signalled(signal.SIGUSR2)
    assert scheduler == []
    assert (stopped.signal, stopped.exit_code) == (signal.SIGUSR2, EXIT_STOPPED)
    hand_over(stopped)
    assert scheduler == [signal.SIGUSR2]


def test_several_signals_of_a_scheduler_mean_one_thing(scheduler):
    """Slurm sends SIGTERM, perhaps twice, and then the signal that was agreed upon: that one counts."""
    stopped = signalled(signal.SIGTERM, signal.SIGTERM, signal.SIGUSR2)
    assert stopped.signal == signal.SIGUSR2
    hand_over(signalled(signal.SIGTERM))
    assert scheduler == []


def test_without_a_launcher_user_signals_are_left_alone():
    before = signal.getsignal(signal.SIGUSR2)
    with stop_on_signals():
        assert signal.getsignal(signal.SIGUSR2) is before


def test_the_sign_of_a_sweep_stops_its_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(stop, "LOOK_EVERY_SECONDS", 0.0)
    watch_halt(tmp_path / "halt")
    try:
        check_stop()
        (tmp_path / "halt").write_text("a cell failed")
        with pytest.raises(Stopped, match="stopped: a cell failed"):
            check_stop()
    finally:
        watch_halt(None)
    check_stop()
