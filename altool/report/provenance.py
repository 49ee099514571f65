"""Where numbers come from: who wrote them, with what code, on what machine, when, from which data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from altool.analysis.study import Study
from altool.engine.forecast import human_seconds
from altool.report.markup import Markup, definitions, fold

PHASES = ("fit_seconds", "query_seconds", "evaluate_seconds")  # query: the strategy's own phases together
DIGEST_LETTERS = 12  # of a commit and of the data


@dataclass(frozen=True)
class Provenance:
    """`facts`: name and text, in order; `cautions`: what makes the runs harder to compare or to make again."""

    facts: Sequence[tuple[str, str]]
    cautions: Sequence[str]

    def folded(self, more: Iterable[tuple[str, object]] = ()) -> Markup:
        return fold("Provenance", definitions([*more, *self.facts])) if self.facts or more else Markup()


def provenance(runs: Sequence[dict[str, Any]], seconds: float = 0.0, models: int = 0) -> Provenance:
    """Of run.json's contents; `seconds`: that the runs took, `models`: that they fitted."""
    if not runs:
        return Provenance([], [])
    versions = [run.get("versions") or {} for run in runs]
    platforms = [run.get("platform") or {} for run in runs]
    commits = [_commit(run.get("git") or {}) for run in runs]
    devices = [_device(run) for run in runs]
    code = [f"altool {v.get('altool', '?')}" for v in versions]
    torch = [str(p.get("torch") or v.get("torch") or "?") for p, v in zip(platforms, versions, strict=True)]
    seeds = sorted({run["seed"] for run in runs if isinstance(run.get("seed"), int)})
    days = sorted(str(run[key])[:10] for run in runs for key in ("created", "updated") if run.get(key))
    facts = [
        (
            "Runs",
            f"{_runs(len(runs))}, {models:,} models fitted"
            + (f", {human_seconds(seconds)} of work" if seconds else ""),
        ),
        ("Seeds", _ranges(seeds)),
        ("Code", _counted(code)),
        ("Commit", _counted([c for c in commits if c])),
        ("torch", _counted(torch)),
        ("Device", _counted(devices)),
        ("Precision", _counted([_precision(p) for p in platforms if p])),
        ("Compatibility", _counted([str((run.get("identity") or {}).get("compat", "")) for run in runs])),
        ("Made", " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""),
        ("Data", _data(runs)),
    ]
    return Provenance(
        [(name, text) for name, text in facts if text], _cautions(runs, torch, devices, commits)
    )


def of_study(study: Study) -> Provenance:
    """Of the runs that the study has on disk; several of its cells may be one."""
    found = {
        study.seed_folder(cell, seed): study.run(cell, seed)
        for cell in study.cells
        for seed in study.seeds_on_disk(cell)
    }
    stages = study.stages.drop_duplicates(["folder", "stage"])
    phases = [column for column in PHASES if column in stages]
    return provenance([*found.values()], float(stages[phases].sum().sum()), len(stages))


def health(study: Study) -> list[str]:
    """What the runs said of themselves that looks unhealthy, with the number of runs that said it."""
    told: Counter[tuple[str, str]] = Counter()
    runs: Counter[str] = Counter()
    for cell in study.cells:
        name = f"{cell.label}, {cell.panel}" if cell.panel else cell.label
        for seed in study.seeds_on_disk(cell):
            runs[name] += 1
            texts = {
                str(w.get("text")) for w in study.run(cell, seed).get("warnings") or [] if isinstance(w, dict)
            }
            told.update((name, text) for text in texts)
    return [f"{name}: {text} ({n} of {_runs(runs[name])})" for (name, text), n in sorted(told.items())]


def _runs(n: int) -> str:
    return f"{n} run" if n == 1 else f"{n:,} runs"


def _commit(git: dict[str, Any]) -> str:
    commit = str(git.get("commit") or "")[:DIGEST_LETTERS]
    return f"{commit}, with changes of its own" if commit and git.get("dirty") else commit


def _device(run: dict[str, Any]) -> str:
    processor = (run.get("platform") or {}).get("processor")
    return ", ".join(str(part) for part in (run.get("device"), processor) if part)


def _precision(platform: dict[str, Any]) -> str:
    exact = "deterministic" if platform.get("deterministic") else "not deterministic"
    threads = platform.get("threads")
    return f"{platform.get('precision', '?')}, {exact}" + (
        f", {threads} thread{'s' * (threads != 1)}" if threads else ""
    )


def _data(runs: Sequence[dict[str, Any]]) -> str:
    """Digest by dataset; a set has several where the seed decides what the imbalance leaves."""
    digests: dict[str, list[str]] = {}
    for run in runs:
        identity = run.get("identity") or {}
        name = f"{identity.get('dataset', '?')}-{identity.get('imbalance', '?')}"
        digests.setdefault(name, []).append(str(run.get("data") or "no digest")[:DIGEST_LETTERS])
    return "; ".join(f"{name}: {', '.join(dict.fromkeys(found))}" for name, found in sorted(digests.items()))


def _counted(texts: Sequence[str]) -> str:
    """`a`, or `a (3), b (1)` where the runs disagree."""
    counts = Counter(text for text in texts if text)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(
        f"{text} ({n})" for text, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _ranges(numbers: Sequence[int]) -> str:
    """0 to 4, 7."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and n == parts[-1][-1] + 1:
            parts[-1].append(n)
        else:
            parts.append([n])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts)


def _cautions(
    runs: Sequence[dict[str, Any]], torch: Sequence[str], devices: Sequence[str], commits: Sequence[str]
) -> list[str]:
    said = []
    dirty = sum(bool((run.get("git") or {}).get("dirty")) for run in runs)
    if dirty:
        said.append(f"{dirty} of {_runs(len(runs))} made by code with changes that no commit holds")
    for name, found in (
        ("versions of torch", torch),
        ("kinds of device", devices),
        ("states of the code", commits),
    ):
        if len({*found}) > 1:
            said.append(f"runs of {len({*found})} {name} stand side by side")
    return said
