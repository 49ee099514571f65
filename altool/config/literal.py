"""Values as Hydra's grammar takes them on a command line."""

import re


def literal(value: object) -> str:
    """A value of a YAML file as it is typed on the command line. A text stands as it is: see `as_text`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(literal, value))}]"
    return str(value)


def as_text(value: str) -> str:
    """`value` quoted, so that Hydra takes it as one text."""
    # in Hydra's grammar a backslash is itself, unless it stands before a quote or at the end
    escaped = re.sub(r'(\\*)("|$)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), value)
    return f'"{escaped}"'
