"""What was published beside what was measured, and the verdict on every claim."""

from altool.analysis.study import Output, Study
from altool.analysis.verdict import judge


def view(study: Study) -> list[Output]:
    """One table, a row per published value or claim; no output where the paper prints neither."""
    frame = judge(study)
    if frame.empty:
        return []
    caption = "Published against measured; nothing is judged on generated data or at smoke scale."
    return [Output("published_table", "table", None, frame, caption)]
