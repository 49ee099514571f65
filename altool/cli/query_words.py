"""The words after `altool query`, judged one by one: its own, and those of a run that a question goes by."""

import unicodedata

from altool.core.errors import UserError, nearest

OWN = ("data", "labels", "n", "classes", "out", "size", "test", "cross_validate", "more")
MEANT = (  # the keys and groups of a run that a question goes by
    *("learner", "strategy", "seeds", "compat", "extension", "budget.candidates"),
    *(f"dataset.{key}" for key in ("size", "rgb", "mean", "std", "crop_pad", "flip")),
    *("device", "threads", "precision", "deterministic", "cuda_graphs"),
    *("data_root", "memory_gib", "on_corrupt", "verify", "progress"),
)
WHY_NOT = {
    "dataset": "it takes its pictures from data=FOLDER, not from a dataset",
    "budget": "n= says how many pictures to ask for",
    "imbalance": "your pictures are taken as they are",
    "outputs": "out=DIR says where its memory and results go",
    "experiment": "it is for a paper's curve, altool reproduce",
    "download": "your pictures are here already",
}


def split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The words that are this command's own, and the others."""
    own: dict[str, str] = {}
    rest: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if key in OWN:
            if not equals or not value:
                raise UserError(f"{word}: give it a value, {key}=…")
            own[key] = value
            continue
        rest.append(word)
        hit = nearest(key, OWN)
        if equals and hit and "." not in key and not _is_run_key(key):
            raise UserError(f"{key} is no word of altool query: did you mean {hit}={value}?")
    if "data" not in own:
        raise UserError(
            "altool query needs the folder with your pictures: data=FOLDER; see altool query --help."
        )
    return own, rest


def _is_run_key(key: str) -> bool:
    from altool.config.words import KEYS

    return key.lstrip("+~") in KEYS


def check_meant(word: str) -> None:
    """Raises UserError for a key of a run that changes nothing in a question."""
    key = word.partition("=")[0]
    group = key.split(".")[0].split("/")[0]
    if key in MEANT or group in MEANT:
        return
    why = WHY_NOT.get(group, "it is for altool run, which trains stage after stage; this asks one question")
    raise UserError(f"{word} means nothing to altool query: {why}.")


def whole(own: dict[str, str], key: str, default: int, least: int) -> int:
    text = own.get(key, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"{key}={text}: give a whole number of at least {least}.")
    return int(text)


def truth(own: dict[str, str], key: str) -> bool:
    text = own.get(key, "false").lower()
    if text not in ("true", "false"):
        raise UserError(f"{key}={text}: give true or false.")
    return text == "true"


def classes_of(text: str) -> tuple[str, ...]:
    names = unicodedata.normalize("NFC", text.strip("[]")).split(",")  # as labels are read
    classes = tuple(name.strip() for name in names if name.strip())
    if len(set(classes)) != len(classes):
        raise UserError(f"classes={text}: a class stands there twice.")
    if any(name.lower() == "skip" for name in classes):
        raise UserError("classes: skip is the answer for pictures without a label, not a class.")
    return classes
