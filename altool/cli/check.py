"""`altool check`: everything that a run does before its first epoch is through, and nothing written."""

import argparse


def main(parsed: argparse.Namespace) -> int:
    from altool.config.load import load
    from altool.config.words import parse

    flags = [f"--config-dir={parsed.config_dir}"] if parsed.config_dir else []
    words = parse([*flags, *parsed.words])
    run, origin = load(words)
    if parsed.explain:
        from altool.config.source import source_of

        print(source_of(parsed.explain, words))
        return 0

    from altool.config.build import build_cell
    from altool.engine.forecast import human_seconds
    from altool.engine.rehearsal import forecast, rehearse

    cell = build_cell(run, origin)
    task = cell.load(cell.seeds[0])
    cell.budget.check(len(task.members))
    cell.platform.apply()
    rehearsal = rehearse(cell)
    seconds = forecast(cell, rehearsal.rates).left_seconds()
    print(
        f"ok: {len(task.members)} items in the pool, {cell.budget.total} labels bought in "
        f"{cell.budget.stages} stages; loss after the first batch {rehearsal.loss:.3f}"
    )
    for want, shape in rehearsal.served.items():
        print(f"the strategy reads {want} of shape {('N', *shape)}")
    seeds = "1 seed" if len(cell.seeds) == 1 else f"{len(cell.seeds)} seeds"
    print(
        f"{seeds}: about {human_seconds(seconds)} on {cell.platform.device} "
        f"with {cell.platform.precision}, in {cell.folder}"
    )
    return 0
