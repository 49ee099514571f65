"""What a person's answers say of the pictures that are there: which are labelled, skipped, waiting, free, or only test."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.core.ledger import Ledger
from altool.core.naming import fingerprint
from altool.data.answers import SKIP, read_answers
from altool.data.pictures import Pictures
from altool.data.task import Split


@dataclass(frozen=True)
class Known:
    """What is known of the pictures, by dataset index. `pending`: asked and not answered; `free`: may be asked;
    `test_set`: a digest of the pictures that only test and their labels, empty where there are none."""

    classes: tuple[str, ...]
    labelled: np.ndarray
    labels: np.ndarray
    skipped: np.ndarray
    pending: np.ndarray
    free: np.ndarray
    test: Split | None
    test_set: str

    @property
    def can_teach(self) -> bool:
        """Whether two classes at least are labelled."""
        return len(self.classes) >= 2 and len(np.unique(self.labels)) >= 2

    @property
    def counts(self) -> dict[str, int]:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))


def what_is_known(
    pictures: Pictures,
    ledger: Ledger,
    allowed: tuple[str, ...],
    test: Path | None,
    unused: frozenset[str],
    notes: list[str],
) -> Known:
    """What the remembered answers say of the pictures that are there; adds to `notes` what they cannot be used for.

    `allowed`: the only classes, those that the labels name where it is empty; `test`: the file of pictures that only test;
    `unused`: pictures that labels.csv answers with a label which is not allowed, as `notes` say already. Raises UserError
    where `test` cannot be read.
    """
    answers = {name: label for name, label in ledger.answers.items() if name in pictures.index}
    gone = len(ledger.answers) - len(answers)
    if gone:
        notes.append(f"{gone} answered pictures are no longer in {pictures.folder}: their answers are kept")
    held_out = _test_answers(test, pictures, allowed, notes)
    skipped = [name for name, label in answers.items() if label == SKIP]
    usable = {n: label for n, label in answers.items() if label != SKIP and n not in held_out}
    both = len(answers) - len(skipped) - len(usable)
    if test and both:
        notes.append(f"{both} labelled pictures are in {test.name} too: they test, and do not train")
    classes = allowed or _sorted_classes({*usable.values(), *held_out.values()})
    for name in [n for n, label in usable.items() if label not in classes]:
        label = usable.pop(name)
        if name not in unused:
            notes.append(f"{name}: its remembered label {label} is not among classes=: not used")
    pending = [n for n in ledger.asked if n in pictures.index and n not in answers and n not in held_out]
    taken = {*answers, *unused, *pending, *held_out}  # an answer that cannot be used is one all the same
    split = None
    if held_out:
        truth = np.array([classes.index(label) for label in held_out.values()], np.int64)
        split = Split(pictures.store, pictures.indices(held_out), truth)
    return Known(
        classes=classes,
        labelled=pictures.indices(usable),
        labels=np.array([classes.index(label) for label in usable.values()], np.int64),
        skipped=pictures.indices(skipped),
        pending=pictures.indices(pending),
        free=np.array([i for i, name in enumerate(pictures.names) if name not in taken], np.int64),
        test=split,
        test_set=fingerprint(held_out) if held_out else "",
    )


def _test_answers(
    test: Path | None, pictures: Pictures, allowed: tuple[str, ...], notes: list[str]
) -> dict[str, str]:
    if test is None:
        return {}
    if not test.exists():
        raise UserError(f"test={test} does not exist.")
    found = read_answers(test, pictures.index, pictures.folder, {}, allowed)
    notes += [f"{test.name}, {note}" if note.startswith("line ") else note for note in found.notes]
    held_out = {name: label for name, label in found.labels.items() if label != SKIP}
    if not held_out:
        notes.append(f"{test.name} has a label for none of the pictures: nothing is tested")
    return held_out


def _sorted_classes(labels: set[str]) -> tuple[str, ...]:
    """10 after 9 where all are numbers."""
    if all(label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))
