"""Open nodes: `_target_` names a class, the other keys are its arguments. Checked before any data is opened.

Unknown names come before missing ones (a typing mistake is both, and the first is the one to hear of), then types.
"""

import dataclasses
import importlib
import inspect
import os
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args, get_origin

from altool.core.errors import UserError, did_you_mean, nearest

RESERVED = ("_target_", "name")


def find_target(node: dict[str, Any], at: str) -> Callable[..., Any]:
    """The class or function that `node["_target_"]` names. Raises UserError."""
    path = node.get("_target_")
    if not isinstance(path, str) or "." not in path:
        raise UserError(f"{at}._target_={path}: give the dotted path of a class, such as altool.{at}….")
    trusted = ["altool", *filter(None, os.environ.get("ALTOOL_TRUST", "").split(","))]
    if not any(path == name or path.startswith(f"{name}.") for name in trusted):
        package = path.partition(".")[0]
        raise UserError(
            f"{at}._target_={path} is code from outside altool: if you trust it, set ALTOOL_TRUST={package}"
        )
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not module_name.startswith(error.name or "\0"):
            raise  # the module is there; something that it imports is not
        raise UserError(f"{at}._target_={path}: there is no module {error.name}.") from None
    if not hasattr(module, name):
        public = [n for n, value in vars(module).items() if inspect.isclass(value)]
        raise UserError(f"{at}._target_={path}: {module_name} has no {name}: {did_you_mean(name, public)}")
    return getattr(module, name)


def check_node(
    node: dict[str, Any], at: str, given: Sequence[str] = ()
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The target of `node` and its checked arguments. `given` names the arguments that the caller adds itself.

    Lists become tuples, so that frozen dataclasses stay hashable.
    """
    target = find_target(node, at)
    arguments = {key: value for key, value in node.items() if key not in RESERVED}
    parameters = {n: p for n, p in inspect.signature(target).parameters.items() if n not in given}
    for name in arguments:
        if name not in parameters:
            hit = nearest(name, parameters)
            advice = f"did you mean {at}.{hit}={arguments[name]}?" if hit else did_you_mean(name, parameters)
            raise UserError(f"{at}.{name} is no option of {target.__name__}: {advice}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise UserError(f"{target.__name__} needs {at}.{name}: type {at}.{name}=…")
    hints = _hints(target)
    return target, {
        name: _fitting(value, hints.get(name, Any), f"{at}.{name}") for name, value in arguments.items()
    }


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """The types of a target's arguments by name."""
    if inspect.isclass(target) and not dataclasses.is_dataclass(target):
        return typing.get_type_hints(target.__init__)
    return typing.get_type_hints(target)


def _fitting(value: Any, hint: Any, at: str) -> Any:
    """`value`, as a tuple where it is a list. Raises UserError when it is not what `hint` takes."""
    if not _fits(value, hint):
        options = [str(option) for part in _parts(hint) for option in _literals(part)]
        if options:
            raise UserError(f"{at}={value}: {did_you_mean(str(value), options)}")
        raise UserError(f"{at}={value}: must be {_in_words(hint)}.")
    if float in _parts(hint) and type(value) is int and int not in _parts(hint):
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (types.UnionType, typing.Union) else (hint,)


def _literals(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value is what the type asks for; types that YAML has no value for are the target's to judge."""
    parts = _parts(hint)
    if len(parts) > 1:
        return any(_fits(value, part) for part in parts)
    if _literals(hint):
        return any(value == option and type(value) is type(option) for option in _literals(hint))
    if hint is type(None) or hint is None:
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    if hint is not str and isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Sequence):
        inner = get_args(hint)[:1]
        return isinstance(value, list) and all(_fits(v, inner[0]) for v in value)
    return True


def _in_words(hint: Any) -> str:
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        type(None): "null",
    }
    return " or ".join(words.get(part, "a list" if get_origin(part) else str(part)) for part in _parts(hint))
