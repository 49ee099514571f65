"""TensorBoard, MLflow and Weights & Biases as they are installed: what they hold afterwards is what the run wrote."""

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from altool.cli.main import main
from altool.core.records import read_rows
from altool.core.runfolder import read_run

WORDS = (
    "strategy=random dataset=moons learner=mlp seeds=0 budget.start=6 budget.step=3 budget.stages=3".split()
)
NEEDS = 'pip install "altool[trackers]"'
Tracked = Callable[[str], Path]


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tracked:
    """Runs with one tracker; returns the seed's folder."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> Path:
        words = [*WORDS, "learner.epochs=1", "device=cpu", "progress=quiet", f"trackers=[{name}]"]
        assert main(["run", *words]) == 0
        (folder,) = tmp_path.glob("outputs/moons-none/mlp/random/*/seed_000")
        assert capsys.readouterr().err == "", "nothing went wrong"
        return folder

    return run


def curve(folder: Path) -> list[tuple[int, float]]:
    return [(int(row["n_labelled"]), float(row["accuracy"])) for row in read_rows(folder / "stages.csv")]


def test_tensorboard_shows_curves_configuration_and_the_figure(tracked: Tracked) -> None:
    module = "tensorboard.backend.event_processing.event_accumulator"
    EventAccumulator = pytest.importorskip(module, reason=NEEDS).EventAccumulator
    folder = tracked("tensorboard")
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [e.step for e in events.Scalars("accuracy")] == [6, 9, 12]
    for event, (_, accuracy) in zip(events.Scalars("accuracy"), curve(folder), strict=True):
        assert event.value == pytest.approx(accuracy, abs=1e-6)  # kept as float32
    texts = {
        tag: events.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode()
        for tag in ("config", "run", "status", "acquired.csv")
    }
    assert "epochs: 1" in texts["config"] and "strategy: random" in texts["run"] and texts["status"] == "done"
    purchases = (folder / "acquired.csv").read_text().splitlines()
    assert [line.strip() for line in texts["acquired.csv"].splitlines()] == purchases
    figure = EventAccumulator(str(folder.parent / "tensorboard")).Reload().Images("curve")
    assert figure[0].encoded_image_string.startswith(b"\x89PNG") and figure[0].width > 200


def test_mlflow_keeps_metrics_parameters_and_artefacts_in_files(tracked: Tracked, tmp_path: Path) -> None:
    MlflowClient = pytest.importorskip("mlflow.tracking", reason=NEEDS).MlflowClient
    folder = tracked("mlflow")
    client = MlflowClient(tracking_uri=(tmp_path / "outputs/.trackers/mlruns").as_uri())
    experiment = client.get_experiment_by_name("altool")
    assert experiment is not None
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    name = folder.relative_to(tmp_path / "outputs").as_posix()
    assert set(runs) == {name, f"{Path(name).parent}/all_seeds"}
    run = runs[name]
    history = client.get_metric_history(run.info.run_id, "accuracy")
    assert [(point.step, point.value) for point in history] == curve(folder)
    assert run.data.params["learner.epochs"] == "1" and run.data.tags["altool.strategy"] == "random"
    assert run.info.status == "FINISHED"
    for file in ("stages.csv", "acquired.csv", "config.yaml", "run.json"):
        copy = client.download_artifacts(run.info.run_id, file, str(tmp_path))
        assert Path(copy).read_bytes() == (folder / file).read_bytes()
    figures = client.list_artifacts(runs[f"{Path(name).parent}/all_seeds"].info.run_id, "figures")
    assert [figure.path for figure in figures] == ["figures/curve.png"]


def logged(content: bytes) -> Iterator[bytes]:
    """The records of a .wandb file, which is a LevelDB log: blocks of 32 KiB, each piece with checksum, length and kind."""
    at, whole = 7, b""  # after the file's own head
    while at + 7 <= len(content):
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a full record, or the last piece of one
            yield whole
            whole = b""
        if (left := 32768 - at % 32768) < 7:
            at += left


def test_wandb_keeps_it_offline(tracked: Tracked, tmp_path: Path) -> None:
    Record = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason=NEEDS).Record
    folder = tracked("wandb")
    found: dict[str, list[Any]] = {}
    for file in tmp_path.glob("outputs/.trackers/wandb/offline-run-*/*.wandb"):
        records: list[Any] = []
        for _ in range(100):  # its own process writes the end of the file
            records = [Record.FromString(content) for content in logged(file.read_bytes())]
            if records and records[-1].HasField("exit"):
                break
            time.sleep(0.1)
        (name,) = {r.run.display_name for r in records if r.HasField("run")}
        found[name] = records
    name = folder.relative_to(tmp_path / "outputs").as_posix()
    assert set(found) == {name, f"{Path(name).parent}/all_seeds"}
    history = [
        {"/".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
        for record in found[name]
        if record.HasField("history")
    ]
    points = [(int(float(one["n_labelled"])), float(one["accuracy"])) for one in history if "accuracy" in one]
    assert points == curve(folder)
    run = next(record.run for record in found[name] if record.HasField("run"))
    assert run.run_group == str(Path(name).parent) and run.project == "altool"
    config = {item.key: item.value_json for item in run.config.update}
    assert '"epochs":1' in config["learner"].replace(" ", "")
    artefacts = [r.request.log_artifact.artifact for r in found[name] if r.request.HasField("log_artifact")]
    artefacts += [r.artifact for r in found[name] if r.HasField("artifact")]
    contents = {entry.path for artefact in artefacts for entry in artefact.manifest.contents}
    assert {"stages.csv", "acquired.csv", "config.yaml", "run.json"} <= contents
    (image,) = tmp_path.glob("outputs/.trackers/wandb/offline-run-*/files/media/images/curve*.png")
    assert image.read_bytes() == (folder.parent / "curve.png").read_bytes()
    assert (read_run(folder) or {})["status"] == "done"
