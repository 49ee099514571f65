"""Values as Hydra's grammar takes them on a command line."""


def literal(value: object) -> str:
    """A value of a YAML file as Hydra's grammar takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(literal, value))}]"
    return str(value)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"
