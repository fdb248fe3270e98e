"""The modules of skaug form a house without circles: imports go down only.

Every import counts, also those inside functions and those that only serve type hints.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SKAUG = Path(__file__).parents[1] / "skaug"

# Rooms import from their own floor and from the floors before it in this list, never from those after it.
# Rooms with an underscore are on a floor below all of these.
FLOORS = [
    {"tables"},
    {"windows"},
    {
        "base",
        "cutting",
        "datasets",
        "estimators",
        "features",
        "fitting",
        "normalizer",
        "pipeline",
        "recording_steps",
        "signal",
        "spectral_peak",
        "synthesis",
        "transformer",
    },
    {"augmenter", "online", "predictions", "sampler", "server", "windower"},
    {"model_selection", "out_of_core"},
    {"evaluation", "shards"},
    {"cli"},
]

FLOOR_OF = {name: number for number, rooms in enumerate(FLOORS) for name in rooms}

# A table that is a dask frame leads from the windower up to the rooms that need Dask, which is an extra.
DASK_DOOR = ("skaug.windower", "skaug.out_of_core.lazy_windows")

Graph = dict[str, set[str]]


def module_name(path: Path) -> str:
    parts = path.relative_to(SKAUG.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(SKAUG.rglob("*.py"))}


def imported_modules(name: str) -> Iterator[tuple[str, bool]]:
    """Yield each module of skaug that a module imports, and whether a function does it."""
    tree = ast.parse(MODULES[name].read_text())
    lazy = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = absolute_name(name, node)
            whole = [f"{source}.{alias.name}" for alias in node.names]
            targets = [target if target in MODULES else source for target in whole]
        else:
            continue
        for target in targets:
            if target in MODULES:
                yield target, node in lazy


def absolute_name(name: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = name.split(".")
    if MODULES[name].name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, node.module] if node.module else package)


def import_graph() -> Graph:
    """Return the modules that each module imports, except through the Dask door."""
    return {
        name: {
            target
            for target, lazy in imported_modules(name)
            if not (lazy and (name, target) == DASK_DOOR)
        }
        for name in MODULES
    }


def room(name: str) -> str:
    """Return the part of the house that a module is in: the first name below skaug."""
    return name.split(".")[1] if "." in name else "skaug"


def room_graph() -> Graph:
    rooms: Graph = {room(name): set() for name in MODULES}
    for name, targets in import_graph().items():
        rooms[room(name)] |= {room(target) for target in targets} - {room(name)}
    return rooms


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of nodes that can reach each other (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        path.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
            if target in path:
                lowest[node] = min(lowest[node], lowest[target])
        if lowest[node] == order[node]:
            start = path.index(node)
            group = path[start:]
            del path[start:]
            if len(group) > 1 or node in graph[node]:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"d"}, "e": {"a", "d"}}
    assert sorted(circles(graph)) == [["a", "b", "c"], ["d"]]


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    assert circles(import_graph()) == []


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    assert circles(room_graph()) == []


def floor(name: str) -> int:
    return -1 if name.startswith("_") else FLOOR_OF[name]


def test_every_room_is_on_a_floor() -> None:
    rooms = {room(name) for name in MODULES} - {"skaug"}
    assert {name for name in rooms if not name.startswith("_")} == set(FLOOR_OF)


def test_imports_go_down_only() -> None:
    up = [
        f"{name} imports {target}"
        for name, targets in import_graph().items()
        for target in sorted(targets)
        if "skaug" not in (name, target) and floor(room(target)) > floor(room(name))
    ]
    assert up == []


def test_only_the_command_line_imports_skaug_itself() -> None:
    importers = {room(name) for name, targets in import_graph().items() if "skaug" in targets}
    assert importers <= {"cli"}


def test_the_dask_door_is_opened_by_a_function() -> None:
    windower, door = DASK_DOOR
    assert [lazy for target, lazy in imported_modules(windower) if target == door] == [True]


def test_evaluation_knows_no_synthesizer_by_class_but_their_base() -> None:
    known = {
        alias.name
        for name, path in MODULES.items()
        if room(name) == "evaluation"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        if absolute_name(name, node).startswith("skaug.synthesis")
        for alias in node.names
        if alias.name[0].isupper()  # a class
    }
    assert known <= {"Synthesizer", "check_synthetic", "synthesizer_or_default"}
