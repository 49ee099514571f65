"""A packed study: what comes out is what went in, and what somebody changed on the way does not come out."""

import csv
import hashlib
import io
import json
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altool.core.errors import UserError
from altool.core.naming import cell_path, fingerprint, seed_name
from altool.core.records import Identity, Metrics, Purchase, Seconds, StageRecord, table_text
from altool.core.runfolder import RunFolder
from altool.core.study_read import open_study, restore
from altool.core.study_write import pack

NAMES = st.from_regex(r"\w[\w.+-]{0,6}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | NUMBERS | st.text("ab,;\"'\n é[0]", max_size=5)
CARRIES = st.dictionaries(
    st.sampled_from(["twins", "memory"]), st.lists(NUMBERS, max_size=4).map(np.array), max_size=2
)
RUNS = st.fixed_dictionaries(
    {
        "identity": st.builds(
            Identity, NAMES, NAMES, NAMES, NAMES, st.sampled_from(["recommended", "paper"])
        ),
        "seed": st.integers(0, 2000),
        "planned": st.integers(1, 3),
        "done": st.integers(0, 3),
        "status": st.sampled_from(["running", "done", "failed", "stopped"]),
        "overrides": st.dictionaries(NAMES, PLAIN, max_size=3),
        "carry": CARRIES,
        "accuracy": st.floats(0, 1),
        "score": st.none() | NUMBERS,
    }
)


def tables(stages: list[dict[str, str]], purchases: list[dict[str, str]]) -> dict[str, bytes]:
    def text(rows: list[dict[str, str]]) -> bytes:
        return table_text([dict(row) for row in rows], dict.fromkeys(k for row in rows for k in row)).encode()

    return {"stages.csv": text(stages), "acquired.csv": text(purchases)}


def write_run(outputs: Path, drawn: Mapping[str, Any]) -> Path:
    """A run folder as the engine leaves it, in its place below `outputs`."""
    identity, budget = drawn["identity"], {"start": 2, "step": 1, "stages": drawn["planned"]}
    config = {"budget": budget, **drawn["overrides"]}
    run = {
        "identity": vars(identity),
        "seed": drawn["seed"],
        "stages": drawn["planned"],
        "fingerprint": fingerprint(config),
        "overrides": drawn["overrides"],
    }
    path = outputs / cell_path(identity, budget, drawn["overrides"]) / seed_name(drawn["seed"])
    folder = RunFolder.open(path, config=config, run=run, stages=99)
    metrics = Metrics(accuracy=drawn["accuracy"], recall_per_class=(0.5, None))
    for stage in range(min(drawn["done"], drawn["planned"])):
        folder.add_purchases([Purchase(stage, 0, 7 + stage, 1, drawn["score"])])
        folder.write_carry(stage + 1, drawn["carry"])
        folder.write_diagnostics(stage, {"scores": np.arange(3)})
        folder.commit_stage(
            StageRecord(
                identity,
                drawn["seed"],
                stage,
                2,
                2,
                metrics,
                Metrics(),
                (1, 1),
                0.7,
                Seconds(1.0),
                9.0,
                "cpu",
            )
        )
    (path / "run.log").write_text("a log\n")
    (path / "notes.txt").write_text("the person's own\n")
    folder.close(drawn["status"])
    return path


def files(outputs: Path, unpacked: str = r"run\.log|notes\.txt|.*/diagnostics/.*") -> dict[str, bytes]:
    found = {p.relative_to(outputs).as_posix(): p.read_bytes() for p in outputs.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if not re.fullmatch(f".*({unpacked})", name)}


@given(st.lists(RUNS, min_size=1, max_size=4), st.sampled_from(["study.zip", "study"]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_packed_comes_back_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]], name: str
) -> None:
    room = tmp_path_factory.mktemp("study")
    # names that only differ in case would be one folder on some systems
    unique = {str(cell_path(d["identity"], {"start": 2, "step": 1, "stages": d["planned"]}, d["overrides"])
                  / seed_name(d["seed"])).lower(): d for d in drawn}  # fmt: skip
    folders = [write_run(room / "here", one) for one in unique.values()]
    packed = pack(folders, room / name, tables)
    assert len(packed) == len(folders)
    written, there = restore(open_study(room / name), room / "there")
    assert (len(written), there) == (len(folders), [])
    assert files(room / "there") == files(room / "here")
    assert restore(open_study(room / name), room / "there")[0] == [], "and once more changes nothing"
    pack([room / "there" / one["run"] for one in packed], room / f"again-{name}", tables)
    if name.endswith(".zip"):
        assert (room / f"again-{name}").read_bytes() == (room / name).read_bytes()
    else:
        assert files(room / f"again-{name}", "-") == files(room / name, "-")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    identity = Identity("digits", "none", "cnn", "dfal")
    carry = {"twins": np.arange(6.0)}
    drawn = {
        "identity": identity,
        "seed": 3,
        "planned": 3,
        "done": 2,
        "status": "stopped",
        "overrides": {"a.b": 1.5},
    }
    return write_run(tmp_path / "here", {**drawn, "carry": carry, "accuracy": 0.5, "score": 0.25})


@pytest.fixture
def study(run_folder: Path, tmp_path: Path) -> Path:
    pack([run_folder], tmp_path / "study.zip", tables)
    return tmp_path / "study.zip"


def content(study: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(study) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_its_tables_and_checksums_are_open_to_all(run_folder: Path, study: Path) -> None:
    packed = content(study)
    lines = [line.split("  ") for line in packed["SHA256SUMS"].decode().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {n: hashlib.sha256(c).hexdigest() for n, c in packed.items() if n != "SHA256SUMS"}
    bought = list(csv.DictReader(io.StringIO(packed["acquired.csv"].decode())))
    home = run_folder.relative_to(run_folder.parents[4]).as_posix()
    assert home.startswith("digits-none/cnn/dfal/2+1x2-") and home.endswith("/seed_003")
    assert [(r["run"], r["strategy"], r["seed"], r["stage"], r["index"], r["score"]) for r in bought] == [
        (home, "dfal", "3", "0", "7", "0.25"),
        (home, "dfal", "3", "1", "8", "0.25"),
    ]
    stages = list(csv.DictReader(io.StringIO(packed["stages.csv"].decode())))
    own = list(csv.DictReader(io.StringIO((run_folder / "stages.csv").read_text())))
    assert [{key: row[key] for key in own[0]} for row in stages] == own
    assert {(r["status"], r["overrides"]) for r in stages} == {("stopped", '{"a.b": 1.5}')}
    assert json.loads(packed["study.json"])["runs"] == [{"run": home, "status": "stopped", "stages_done": 2}]


def test_logs_and_diagnostics_come_along_when_asked_for(run_folder: Path, tmp_path: Path) -> None:
    pack([run_folder], tmp_path / "all.zip", tables, everything=True)
    restore(open_study(tmp_path / "all.zip"), tmp_path / "there")
    assert files(tmp_path / "there", "-") == files(tmp_path / "here", r"notes\.txt")


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_found(study: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = study.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "damaged.zip").write_bytes(damaged)
    try:
        found = open_study(tmp_path / "damaged.zip")
    except UserError:
        return
    # a bit of the zip's own dates and the like: then the content is what it was
    ((run,), (other,)) = found.runs, open_study(study).runs
    assert run.home == other.home
    assert {n: read() for n, read in run.files.items()} == {n: read() for n, read in other.files.items()}


def repacked(study: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The study as somebody could have changed it who also knows how to make checksums."""
    packed = content(study)
    change(packed)
    del packed["SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {name}\n" for name, c in packed.items())
    out = study.with_name("changed.zip")
    with zipfile.ZipFile(out, "w") as archive:
        for name, c in {**packed, "SHA256SUMS": sums.encode()}.items():
            archive.writestr(name, c)
    return out


def run_file(packed: Mapping[str, bytes], name: str) -> str:
    return next(key for key in packed if key.startswith("runs/") and key.endswith(f"/{name}"))


@pytest.mark.parametrize(
    "name",
    [
        "../evil.csv",
        "/tmp/evil.csv",
        "runs/../../evil/a/b/seed_000/run.json",
        "runs/a/b/c/../seed_000/run.json",
        "runs/a/b/c/d/seed_000/../run.json",
        "runs/a/b/c/.d/seed_000/run.json",
        "runs\\a\\b\\c\\d\\seed_000\\run.json",
        "C:/evil.csv",
        "runs/a/b/c/d/seed_000/run.sh",
        "runs/a/b/c/d/seed_000/carry/stage_000.pkl",
        "evil\n",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(study: Path, tmp_path: Path, name: str) -> None:
    before = files(tmp_path)
    changed = repacked(study, lambda packed: packed.update({name: b"x"}))
    with pytest.raises(UserError, match="is no file of a study; nothing was imported"):
        open_study(changed)
    changed.unlink()
    assert files(tmp_path) == before


def pickled() -> bytes:
    out = io.BytesIO()
    np.savez(out, twins=np.array([{"any": "object"}], dtype=object))
    return out.getvalue()


def test_what_says_something_else_than_it_should_is_refused(study: Path, run_folder: Path) -> None:
    def change(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
        def edit(packed: dict[str, bytes]) -> None:
            key = run_file(packed, name)
            assert old in packed[key]
            packed[key] = packed[key].replace(old, new)

        return edit

    def move(packed: dict[str, bytes]) -> None:
        for name in [name for name in packed if name.startswith("runs/")]:
            packed[name.replace("seed_003", "seed_004")] = packed.pop(name)
        packed["study.json"] = packed["study.json"].replace(b"seed_003", b"seed_004")

    cases: list[tuple[Callable[[dict[str, bytes]], object], str]] = [
        (change("config.yaml", b"start: 2", b"start: 3"), "not the one that its fingerprint was made of"),
        (change("run.json", b'"cnn"', b'"mlp"'), "it says that it belongs at digits-none/mlp/"),
        (change("run.json", b'"cnn"', b'"../../x"'), "it says that it belongs at"),
        (change("run.json", b"stopped", b"perfect"), "its status is 'perfect'"),
        (change("run.json", b"{", b"["), "cannot be read"),
        (change("stages.csv", b"\n1,digits", b"\n9,digits"), "newer altool"),
        (change("stages.csv", b",dfal,", b",random,"), "stages.csv is of another run"),
        (change("acquired.csv", b",8,", b",eight,"), "acquired.csv cannot be read"),
        (lambda packed: packed.update({run_file(packed, "carry/stage_001.npz"): pickled()}), "than plain arrays"),
        (lambda packed: packed.pop(run_file(packed, "config.yaml")), "it lacks config.yaml"),
        (move, "it says that it belongs at digits-none/cnn/dfal"),
        (lambda p: p.update({"study.json": p["study.json"].replace(b'"version": 1', b'"version": 2')}), "newer kind"),
        (lambda p: p.update({"study.json": p["study.json"].replace(b"seed_003", b"seed_004")}), "lists other runs"),
        (lambda p: p.update({"study.json": b"{}"}), "cannot be read"),
    ]  # fmt: skip
    for edit, message in cases:
        with pytest.raises(UserError, match=re.escape(message)):
            open_study(repacked(study, edit))


def test_a_file_too_many_or_too_few_is_found(study: Path) -> None:
    packed = content(study)
    for change, message in (
        (packed.pop, "is missing from it"),
        (lambda n: packed.setdefault(n, b""), "has no line"),
    ):
        key = run_file(packed, "acquired.csv") if message.startswith("is") else "stages.parquet"
        change(key)
        with zipfile.ZipFile(study, "w") as archive:
            for name, c in packed.items():
                archive.writestr(name, c)
        with pytest.raises(UserError, match=message):
            open_study(study)
        packed.setdefault(key, b"")
        packed["SHA256SUMS"] = b"".join(
            hashlib.sha256(c).hexdigest().encode() + f"  {name}\n".encode()
            for name, c in packed.items()
            if name != "SHA256SUMS"
        )


def test_links_and_repeated_names_are_refused(study: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("README.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for entry, again in ((link, False), (zipfile.ZipInfo("stages.csv"), True)):
        changed = tmp_path / "changed.zip"
        shutil.copy(study, changed)
        packed = content(study)
        with zipfile.ZipFile(changed, "w") as archive:
            for name, c in packed.items():
                if again or name != entry.filename:
                    archive.writestr(name, c)
            with (
                pytest.warns(UserWarning, match="Duplicate") if again else zipfile.ZipFile(io.BytesIO(), "w")
            ):
                archive.writestr(entry, "/etc/passwd")
        with pytest.raises(UserError, match="is a link or stands there twice"):
            open_study(changed)
    with zipfile.ZipFile(study) as archive:
        archive.extractall(tmp_path / "folder")
    (tmp_path / "folder" / "README.txt").unlink()
    (tmp_path / "folder" / "README.txt").symlink_to(study)
    with pytest.raises(UserError, match="is a link"):
        open_study(tmp_path / "folder")


def test_nothing_is_overwritten(study: Path, run_folder: Path, tmp_path: Path) -> None:
    before = files(tmp_path / "here", "-")
    with pytest.raises(UserError, match="is there already: name another --out"):
        pack([run_folder], study, tables)
    (run_folder / "acquired.csv").write_text("stage,rank,index,label,score\n")
    before = files(tmp_path / "here", "-")
    with pytest.raises(UserError, match=r"seed_003 is there already, with other content"):
        restore(open_study(study), tmp_path / "here")
    assert files(tmp_path / "here", "-") == before


def test_a_place_that_cannot_be_written_is_named(study: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"file/.*seed_003 cannot be written: Not a directory. 0 of 1 runs"):
        restore(open_study(study), tmp_path / "file")


def test_two_versions_of_a_run_are_not_packed_together(study: Path, run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "here", tmp_path / "copy")
    twin = tmp_path / "copy" / run_folder.relative_to(tmp_path / "here")
    assert len(pack([run_folder, twin], tmp_path / "one.zip", tables)) == 1
    (twin / "acquired.csv").unlink()
    with pytest.raises(UserError, match="are the same run, each as far as it got"):
        pack([run_folder, twin], tmp_path / "two.zip", tables)
    assert not [path for path in tmp_path.iterdir() if "two" in path.name], "nothing half-written stays"


def test_a_damaged_run_is_not_packed(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "run.json").write_text("{}")
    with pytest.raises(
        UserError, match=r"seed_003 cannot be packed: run\.json or config\.yaml is not one of altool's"
    ):
        pack([run_folder], tmp_path / "a.zip", tables)


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "folder").mkdir()
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    for name, message in (
        ("nowhere.zip", "there is no such file"),
        ("text.zip", "is no zip file"),
        ("folder", "is no study that altool export made"),
        ("empty.zip", "is no study that altool export made"),
    ):
        with pytest.raises(UserError, match=message):
            open_study(tmp_path / name)


def test_a_run_folder_knows_its_place_wherever_it_lies(run_folder: Path, tmp_path: Path) -> None:
    moved = run_folder.rename(tmp_path / "seed_003")
    (one,) = pack([moved], tmp_path / "moved.zip", tables)
    assert tmp_path / "here" / one["run"] == run_folder
