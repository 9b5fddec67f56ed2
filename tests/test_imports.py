"""What imports what: the layers, and that the core needs NumPy alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import igfast

PACKAGE = Path(igfast.__file__).parent

# Each room may import the rooms before it, and itself.
ROOMS = [
    "starting",
    "_core",
    "reference",
    "reference_measures",
    "cuda_library",
    "config",
    "_devices",
    "_views",
    "_arrays",
    "extremes",
    "grids",
    "alignment",
    "automatic",
    "merging",
    "archives",
    "quantiles",
    "layers",
    "histograms",
    "summary",
    "outputs",
    "counted",
    "choices",
    "device_counting",
    "first_bins",
    "bound",
    "plan",
    "binning",
    "operators",
    "measures",
    "numerals",
    "analysis",
    "schedules",
    "health_history",
    "health",
    "groups",
    "printing",
    "alerts",
    "files",
    "store",
    "sources",
    "records",
    "trajectory",
    "workers",
    "export",
    "sinks",
    "monitor",
    "integrations",
    "report",
    "live",
    "harness",
    "cli",
    "__main__",
]
# Room -> extras it may import at the top of a module; everywhere else they are imported lazily.
EXTRAS = {
    "torch": {"harness", "operators"},
    "typer": {"cli"},
    "rich": {"cli", "harness", "live"},
    "matplotlib": {"report"},
    "cupy": set(),
    "scipy": set(),
    "pyarrow": set(),
    "sklearn": set(),
    "mlxtend": set(),
    "tensorboard": set(),
    "wandb": set(),
    "trackio": set(),
    "mlflow": set(),
    "lightning": set(),
    "pytorch_lightning": set(),
    "transformers": set(),
    "accelerate": set(),
}


def modules():
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path, path.relative_to(PACKAGE).with_suffix("").parts) for path in paths]


def room_of(parts):
    return parts[0]


def imports(path, parts):
    """(dotted name, line, at top level) of every import, relative ones made absolute."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            base = list(("igfast", *parts)[: len(parts) + 1 - node.level]) if node.level else []
            if parts[-1] == "__init__" and node.level:
                base = list(("igfast", *parts[:-1])[: len(parts) - node.level + 1])
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno, id(node) in top


@pytest.mark.parametrize(("path", "parts"), modules(), ids=["/".join(p) for _, p in modules()])
def test_each_room_knows_only_the_ones_below(path, parts):
    if parts == ("__init__",):
        return
    room = room_of(parts)
    assert room in ROOMS, f"{path.name} belongs to no room: add it to the list, in its place"
    for name, line, top in imports(path, parts):
        head = name.split(".")
        if head[0] != "igfast" or len(head) < 2 or head[1] not in ROOMS:
            continue
        upward = ROOMS.index(head[1]) > ROOMS.index(room)
        lazy = room == "trajectory" and head[1] in ("workers", "report", "export") and not top
        assert not upward or lazy, f"{path}:{line} imports {name}, a room above {room}"


@pytest.mark.parametrize(("path", "parts"), modules(), ids=["/".join(p) for _, p in modules()])
def test_extras_are_imported_where_they_belong(path, parts):
    for name, line, top in imports(path, parts):
        allowed = EXTRAS.get(name.split(".")[0])
        if allowed is not None and top:
            assert room_of(parts) in allowed, f"{path}:{line} imports {name} at the top"


def test_only_arrays_knows_the_frameworks():
    """No kernel-facing room mentions a framework."""
    for room in ("plan", "binning", "histograms", "grids", "alignment", "automatic"):
        text = (PACKAGE / f"{room}.py").read_text()
        assert "import torch" not in text
        assert "import cupy" not in text


def test_import_needs_numpy_alone():
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {set(EXTRAS)!r}:
            raise ImportError(name + " is imported by igfast")
sys.meta_path.insert(0, Refuse())
import numpy as np, igfast
h = igfast.histogram(np.zeros(3))
assert h.counts.sum() == 3
assert not {set(EXTRAS)!r} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_contributing_names_every_room():
    page = PACKAGE.parent / "CONTRIBUTING.md"
    if not page.exists():
        pytest.skip("installed without the repository")
    text = page.read_text()
    assert [room for room in ROOMS if f"`{room}`" not in text] == []


def test_no_forbidden_room_names():
    for path, _ in modules():
        assert path.stem not in {"utils", "helpers", "common", "manager"}, path
