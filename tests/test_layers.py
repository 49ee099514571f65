"""Who may know whom (docs: the layout of the package), held by reading every import."""

import ast
import re
from pathlib import Path

import pytest

import altool

ROOT = Path(altool.__file__).parent
FRONT = {"cli", "run", "session", "sweep", "__main__"}  # the middle three are behind `altool run`
BELOW = {
    "core": set(),
    "data": {"core", "models"},
    "models": {"core"},
    "learners": {"core", "models", "data"},
    "strategies": {"core", "models"},
    "engine": {"core", "models", "data", "learners", "strategies"},
    "trackers": {"core"},
    "config": {"core", "models", "data", "learners", "strategies", "engine", "trackers"},
    "analysis": {"core"},
    "reproduce": {"core", "data", "models", "learners", "strategies", "engine", "config", "analysis"},
    "report": {"core", "engine", "config", "analysis", "reproduce"},
}
MODULES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]
each_module = pytest.mark.parametrize("path", MODULES, ids=NAMES)


def layer(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> set[str]:
    """Full names of all that is imported anywhere below `tree`, functions and type checking included."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imported_at_once(tree: ast.AST) -> set[str]:
    """What importing the module imports: no function bodies, nothing that is for type checking."""
    if isinstance(tree, ast.Import | ast.ImportFrom):
        return imports(tree)
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    parts = ast.iter_child_nodes(tree)
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        parts = tree.orelse
    return {name for part in parts for name in imported_at_once(part)}


def packages(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def own_layers(names: set[str]) -> set[str]:
    return {
        name.split(".")[1] for name in names if name.startswith("altool.") and name != "altool.__version__"
    }


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_every_module_belongs_to_a_layer() -> None:
    assert {layer(path) for path in MODULES} == {*BELOW, *FRONT, "__init__"}


@each_module
def test_imports_run_downward(path: Path) -> None:
    here, known = layer(path), own_layers(imports(parse(path)))
    if here in FRONT:
        return
    assert known <= BELOW.get(here, set()) | {here}


@each_module
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    here, tree = layer(path), parse(path)
    anywhere, at_once = packages(imports(tree)), packages(imported_at_once(tree))
    if here != "config":
        typing_only = {"omegaconf"} if here == "run" else set()
        assert not ({"hydra", "omegaconf"} & anywhere) - typing_only
        assert not {"hydra", "omegaconf"} & at_once
    if here == "analysis":
        assert not {"torch", "torchvision"} & anywhere
    if here in {"core", "cli", "run", "__main__", "__init__"}:
        assert not {"torch", "torchvision", "pandas", "matplotlib", "sklearn"} & at_once


@each_module
def test_randomness_comes_from_named_streams_only(path: Path) -> None:
    if path == ROOT / "core" / "streams.py":
        return
    calls = [ast.unparse(node.func) for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    # Generator(Philox(key)) holds no state of its own: its key comes from a stream
    wrong = r"torch\.(cuda\.)?seed(_all)?|.*\.manual_seed(_all)?|.*default_rng|(np|numpy)\.random\.(?!Generator|Philox)\w+"
    assert [call for call in calls if re.fullmatch(wrong, call)] == []
    assert "random" not in packages(imports(parse(path)))


@each_module
def test_a_file_is_one_idea_with_a_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not re.search(r"utils?|helpers?|common|misc", path.stem)
    assert ast.get_docstring(parse(path)), "says in its first line what it is"


def test_the_reader_of_imports_sees_them_all() -> None:
    tree = ast.parse(
        "import a.b\n"
        "if TYPE_CHECKING:\n    import c\nelse:\n    import d\n"
        "def f():\n    from e.f import g\n"
        "class C:\n    import h\n    def m(self):\n        import i\n"
        "try:\n    import j\nexcept ImportError:\n    pass\n"
    )
    assert imports(tree) == {"a.b", "c", "d", "e.f.g", "h", "i", "j"}
    assert imported_at_once(tree) == {"a.b", "d", "h", "j"}
