import pytest

from altool.core.records import Identity, Metrics, Seconds, StageRecord


@pytest.fixture
def record() -> StageRecord:
    test = Metrics(0.5, 0.25, 0.125, (1.0, None), 0.1, 0.2)
    seconds = Seconds(1.0, 2.0, 3.0, 4.0, 5.0)
    identity = Identity("digits", "none", "cnn", "random")
    return StageRecord(identity, 3, 0, 2, 2, test, Metrics(), (1, 1), 0.7, seconds, 10.0, "cpu")
