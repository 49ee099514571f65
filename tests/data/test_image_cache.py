"""Image files are decoded once; what changed is decoded again; what is kept is whole whatever happened."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from altool.core.errors import UserError
from altool.core.stop import check_stop
from altool.data import image_cache
from altool.data.image_cache import Decoded, decoded
from altool.data.reading import Reading

N = 30
Decode = Callable[..., Decoded]


def pixels_of(i: int, value: int = 0) -> np.ndarray:
    return np.random.default_rng(i + 1000 * value).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def digests(found: Decoded) -> np.ndarray:
    assert found.items.digests is not None
    return found.items.digests


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(N):
        Image.fromarray(pixels_of(i)).save(root / f"{i:02d}.png")
    return root


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    """decode(root, size=None, …): further keys as in `Reading`."""

    def call(root: Path, size: int | None = None, **keys: Any) -> Decoded:
        return decoded(root, names(root), size, Reading(tmp_path / "cache", **keys))

    return call


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is decoded from now on, by name, as it happens."""
    seen: list[str] = []
    real = image_cache._Cache._pixels

    def counted(cache: Any, name: str, shape: tuple[int, ...]) -> Any:
        seen.append(name)
        return real(cache, name, shape)

    monkeypatch.setattr(image_cache._Cache, "_pixels", counted)
    return seen


def test_a_second_start_reads_only_the_cache(photos: Path, decode: Decode, reads: list[str]) -> None:
    first = decode(photos)
    assert sorted(reads) == names(photos)
    for file in photos.iterdir():  # nothing of the files is needed but their names, sizes and times
        times = file.stat()
        file.write_bytes(bytes(times.st_size))
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    reads.clear()
    second = decode(photos)
    assert reads == []
    for found in (first, second):
        assert np.array_equal(found.items[:], np.stack([pixels_of(i) for i in range(N)]))
        assert found.kept.tolist() == list(range(N))
    assert np.array_equal(digests(first), digests(second))


def test_only_what_is_new_or_changed_is_decoded(photos: Path, decode: Decode, reads: list[str]) -> None:
    before = digests(decode(photos))
    reads.clear()
    Image.fromarray(pixels_of(3, 1)).save(photos / "03.png")
    Image.fromarray(pixels_of(99)).save(photos / "031.png")
    (photos / "07.png").unlink()
    found = decode(photos)
    assert sorted(reads) == ["03.png", "031.png"]
    expected = [
        pixels_of(99) if n == "031.png" else pixels_of(int(n[:2]), n == "03.png") for n in names(photos)
    ]
    assert np.array_equal(found.items[:], np.stack(expected))
    assert not np.array_equal(before[3], digests(found)[3])
    assert np.array_equal(before[8:], digests(found)[8:])


def test_verify_finds_a_change_that_size_and_time_hide(
    photos: Path, decode: Decode, reads: list[str]
) -> None:
    def save(value: int) -> os.stat_result:
        Image.new("RGB", (7, 5), (value, 0, 0)).save(photos / "00.bmp")  # no compression: equal sizes
        return (photos / "00.bmp").stat()

    before = save(1)
    decode(photos)
    assert save(2).st_size == before.st_size
    os.utime(photos / "00.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    reads.clear()
    assert decode(photos).items[0, 0, 0, 0] == 1
    assert decode(photos, verify=True).items[0, 0, 0, 0] == 2
    assert reads == ["00.bmp"]
    assert decode(photos, verify=True).items[0, 0, 0, 0] == 2
    assert reads == ["00.bmp"]


def test_corrupt_files_are_all_named_and_may_be_skipped(
    photos: Path, decode: Decode, reads: list[str]
) -> None:
    (photos / "04.png").write_text("hello")
    whole = (photos / "11.png").read_bytes()
    (photos / "11.png").write_bytes(whole[:-60])
    for _ in range(2):
        with pytest.raises(UserError) as refused:
            decode(photos)
        text = str(refused.value)
        assert text.startswith(f"2 of {N} files in {photos} cannot be read as an image:\n  04.png: ")
        assert "\n  11.png: " in text and "on_corrupt=skip" in text
    assert len(reads) == N - 1, "the good ones once, the bad ones not again"
    found = decode(photos, on_corrupt="skip")
    left = [i for i in range(N) if i not in (4, 11)]
    assert found.kept.tolist() == left
    assert sorted(found.skipped) == ["04.png", "11.png"]
    assert np.array_equal(found.items[:], np.stack([pixels_of(i) for i in left]))
    (photos / "11.png").write_bytes(whole)
    (photos / "04.png").unlink()
    assert len(decode(photos).kept) == N - 1


def test_no_readable_file_at_all(tmp_path: Path, decode: Decode) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("hello")
    for keys in ({}, {"on_corrupt": "skip"}):
        with pytest.raises(UserError, match="1 of 1 files"):
            decode(tmp_path / "photos", **keys)


def test_a_killed_decode_goes_on_where_it_was(
    photos: Path, decode: Decode, monkeypatch: pytest.MonkeyPatch, reads: list[str], tmp_path: Path
) -> None:
    """Interrupted at every window; the rows behind the last index, as a kill leaves them, are written again."""
    monkeypatch.setattr(image_cache, "WINDOW", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    calls = 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == 5 + N:  # every header asks once
            raise KeyboardInterrupt

    monkeypatch.setattr(image_cache, "check_stop", interrupt)
    with pytest.raises(KeyboardInterrupt):
        decode(photos)
    assert 0 < len(reads) < N
    done = len(reads)
    (folder,) = (tmp_path / "cache" / "decoded").glob("*/5x7x3")
    with (folder / "pixels.1").open("ab") as file:
        file.write(b"half a row")
    monkeypatch.setattr(image_cache, "check_stop", check_stop)
    found = decode(photos)
    assert len(reads) == N and sorted(reads) == names(photos) and done < N
    assert np.array_equal(found.items[:], np.stack([pixels_of(i) for i in range(N)]))


@pytest.mark.parametrize("damage", ["index", "pixels"])
def test_a_damaged_cache_is_made_again(photos: Path, decode: Decode, tmp_path: Path, damage: str) -> None:
    decode(photos)
    (folder,) = (tmp_path / "cache" / "decoded").glob("*/5x7x3")
    if damage == "index":
        (folder / "index.json").write_text(json.dumps({"shape": [1]}))
    else:
        os.truncate(folder / "pixels.1", 10)
    assert np.array_equal(decode(photos).items[:], np.stack([pixels_of(i) for i in range(N)]))


def test_another_size_and_a_first_colour_image_make_other_rows(photos: Path, decode: Decode) -> None:
    assert decode(photos, size=4).items.shape == (N, 4, 4, 3)
    assert decode(photos).items.shape == (N, 5, 7, 3)
    for i in range(N):
        Image.fromarray(pixels_of(i)).convert("L").save(photos / f"{i:02d}.png")
    assert decode(photos).items.shape == (N, 5, 7, 1)
    Image.fromarray(pixels_of(0)).save(photos / "00.png")
    found = decode(photos).items
    assert found.shape == (N, 5, 7, 3)
    assert np.array_equal(found[0], pixels_of(0))


def test_listings_of_one_folder_keep_each_their_own_rows(
    photos: Path, decode: Decode, tmp_path: Path, reads: list[str]
) -> None:
    """Some grey pictures of a folder and all of it, in turn: nothing is decoded a second time."""
    grey = ["00.png", "01.png"]
    for name in grey:
        Image.open(photos / name).convert("L").save(photos / name)
    some = [*grey, "broken.png"]
    (photos / "broken.png").write_text("hello")
    reading = Reading(tmp_path / "cache", on_corrupt="skip")
    for turn in range(2):
        found = decoded(photos, some, None, reading)
        everything = decoded(photos, names(photos), None, reading)
        as_rgb = decoded(photos, some, None, reading, rgb=True)
        assert found.items.shape == (2, 5, 7, 1) and as_rgb.items.shape == (2, 5, 7, 3)
        assert everything.items.shape == (N, 5, 7, 3) and [*found.skipped] == ["broken.png"]
        expected = [np.asarray(Image.open(photos / name)) for name in grey]
        assert np.array_equal(found.items[:][..., 0], np.stack(expected))
        assert np.array_equal(everything.items[2], pixels_of(2))
        assert sorted(reads) == ([] if turn else sorted([*grey, *names(photos)[:-1]]))
        reads.clear()
    times = (photos / "01.png").stat()
    (photos / "01.png").write_bytes(b"bye".ljust(times.st_size))
    os.utime(photos / "01.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(decoded(photos, some, None, reading).kept) == 2
    verifying = Reading(tmp_path / "cache", on_corrupt="skip", verify=True)
    assert decoded(photos, some, None, verifying).kept.tolist() == [0]
    assert decoded(photos, names(photos), None, verifying).kept.tolist() == [0, *range(2, N)]
    assert reads == []


def test_a_cache_that_cannot_be_written(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be written to .*data_root="):
        decoded(photos, names(photos), None, Reading(tmp_path / "cache"))


def test_too_little_space_is_said_before_anything_is_decoded(
    photos: Path, decode: Decode, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    usage = image_cache.shutil.disk_usage(photos)
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(UserError, match="are free there: name another folder"):
        decode(photos)
    assert reads == []


@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), PermissionError(13, "no"), MemoryError()]
)
@pytest.mark.parametrize("stage", ["header", "bytes", "decode"])
@pytest.mark.parametrize("on_corrupt", ["stop", "skip"])
def test_what_the_machine_fails_at_is_not_remembered(
    photos: Path,
    decode: Decode,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    stage: str,
    on_corrupt: str,
) -> None:
    def fail(*anything: Any) -> Any:
        raise error

    with monkeypatch.context() as failing:
        if stage == "bytes":
            failing.setattr(Path, "read_bytes", fail)
        else:
            failing.setattr(image_cache, {"header": "read_header", "decode": "decode"}[stage], fail)
        with pytest.raises(UserError, match=r"could not be read just now:\n  \d\d.png: "):
            decode(photos, on_corrupt=on_corrupt)
    assert len(decode(photos, on_corrupt=on_corrupt).kept) == N


def test_an_error_without_a_digest_is_tried_again(photos: Path, decode: Decode, tmp_path: Path) -> None:
    """As caches have it that were written before errors of the machine were told apart."""
    decode(photos)
    (folder,) = (tmp_path / "cache" / "decoded").glob("*/5x7x3")
    stored = json.loads((folder / "index.json").read_text())
    stored["entries"]["03.png"][5:] = ["", "", -1, "Input/output error"]
    (folder / "index.json").write_text(json.dumps(stored))
    found = decode(photos)
    assert np.array_equal(found.items[3], pixels_of(3))


def test_verify_looks_at_broken_headers_again(photos: Path, decode: Decode) -> None:
    whole = (photos / "02.png").read_bytes()
    times = (photos / "02.png").stat()
    (photos / "02.png").write_bytes(bytes(len(whole)))
    os.utime(photos / "02.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(decode(photos, on_corrupt="skip").kept) == N - 1
    (photos / "02.png").write_bytes(whole)
    os.utime(photos / "02.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(decode(photos, on_corrupt="skip").kept) == N - 1
    assert len(decode(photos, verify=True).kept) == N


def test_a_file_that_vanishes_after_listing_is_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"could not be read just now:\n  gone.png: No such file"):
        decoded(photos, [*names(photos), "gone.png"], None, Reading(tmp_path / "cache"))


def test_rows_that_another_process_replaced_are_looked_up_again(
    photos: Path, decode: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode(photos)
    real, seen = image_cache.Index.map, 0

    def late(index: Any) -> np.ndarray:
        nonlocal seen
        seen += 1
        if seen == 1:  # between this index and its rows, a colour picture's worth of rows was made anew
            index.pixels.rename(index.folder / "pixels.2")
            text = (index.folder / "index.json").read_text()
            (index.folder / "index.json").write_text(text.replace('"generation": 1', '"generation": 2'))
        return real(index)

    monkeypatch.setattr(image_cache.Index, "map", late)
    assert np.array_equal(decode(photos).items[:], np.stack([pixels_of(i) for i in range(N)]))
    assert seen == 2


def test_a_name_that_is_no_utf8_is_refused_before_anything_is_decoded(
    photos: Path, decode: Decode, reads: list[str]
) -> None:
    odd = photos / os.fsdecode(b"b\xe4r.png")
    odd.write_bytes((photos / "00.png").read_bytes())
    with pytest.raises(UserError, match=r"  b\\xe4r.png: its name is not UTF-8: rename it"):
        decode(photos)
    assert reads == []
    found = decode(photos, on_corrupt="skip")
    assert len(found.kept) == N and list(found.skipped) == ["b\\xe4r.png"]


def test_a_name_that_no_line_of_a_table_can_hold_is_refused(photos: Path, decode: Decode) -> None:
    (photos / "two\nlines.png").write_bytes((photos / "00.png").read_bytes())
    with pytest.raises(UserError, match=r"  two\\nlines.png: its name has a line break: rename it"):
        decode(photos)
    assert list(decode(photos, on_corrupt="skip").skipped) == ["two\\nlines.png"]
