"""Style that no linter checks, over the whole tree; a message says how to put it right."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
MODULE_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 60
FORBIDDEN_NAMES: Final = frozenset({"utils", "util", "helpers", "helper", "common", "types"})
NAMES_OF_THE_SPECIFICATION: Final = frozenset({"websocket_manager"})
SLEEPS: Final = frozenset({"time.sleep", "asyncio.sleep"})

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def modules_in(*folders: str) -> tuple[Path, ...]:
    """Return the modules below some folders; there are some, or the test is blind."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert found
    return tuple(path.relative_to(ROOT) for path in found)


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Parse a module, once for all the rules."""
    return ast.parse((ROOT / path).read_text(), str(path))


def functions_in(*folders: str) -> Iterator[tuple[str, Function]]:
    """Return each function, methods and nested ones too, with its place."""
    for path in modules_in(*folders):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                yield f"{path}:{node.lineno} {node.name}", node


def lines_without_docstring(function: Function) -> int:
    """Count the lines from `def` to the end."""
    first = function.body[0]
    assert function.end_lineno is not None
    assert first.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_modules_are_short() -> None:
    """A module has one duty; one of more than 500 lines has several."""
    long = [
        f"{path} has {lines} lines"
        for path in modules_in("genesis", "workers", "scripts", "tests")
        if (lines := len((ROOT / path).read_text().splitlines())) > MODULE_LINES_MAX
    ]

    assert not long, (
        f"{long}: {MODULE_LINES_MAX} are the limit. Split by duty: name the second noun that the "
        "docstring has to explain, and move that into a module of that name"
    )


def test_functions_are_short() -> None:
    """A function of more than 60 lines hides its outline."""
    long = [
        f"{place} has {lines} lines"
        for place, function in functions_in("genesis", "workers", "scripts", "tests")
        if (lines := lines_without_docstring(function)) > FUNCTION_LINES_MAX
    ]

    assert not long, (
        f"{long}: {FUNCTION_LINES_MAX} are the limit. Give each step a function named after what "
        "it decides or makes, and let this one read as their list"
    )


def test_modules_are_named_after_what_they_hold() -> None:
    """A drawer for everything is where nothing is found again."""
    vague = [
        str(path)
        for path in modules_in("genesis", "workers", "scripts")
        if path.stem.strip("_") in FORBIDDEN_NAMES
        or ("manager" in path.stem and path.stem not in NAMES_OF_THE_SPECIFICATION)
    ]

    assert not vague, f"{vague}: name each after the thing or the decision in it"


def test_every_test_states_its_rule() -> None:
    """A test that fails tells its reader which rule was broken, and why there is one."""
    silent = [
        place
        for place, function in functions_in("tests")
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert not silent, f"{silent}: write the rule that each protects as its docstring"


def test_no_test_sleeps_to_wait() -> None:
    """A sleep is too short on one machine and too long on all others.

    Asking again and again whether something holds is well, and so is `asyncio.sleep(0)`, which only
    yields. A stand-in for a process or a venue (`tests/support/`) may be slow on purpose.
    """
    sleeps = [
        f"{path}:{call.lineno}"
        for path in modules_in("tests/unit", "tests/integration")
        for call in sleeps_outside_of_polling(tree_of(path))
    ]

    assert not sleeps, (
        f"{sleeps}: wait for the event itself (a descriptor, an asyncio.Event, a line of output), "
        "under one generous deadline"
    )


def sleeps_outside_of_polling(node: ast.AST) -> Iterator[ast.Call]:
    """Find calls that sleep, other than in a loop that asks for a condition."""
    if isinstance(node, ast.While) and not isinstance(node.test, ast.Constant):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPS:
        yield from [node] if [ast.unparse(argument) for argument in node.args] != ["0"] else []
    for child in ast.iter_child_nodes(node):
        yield from sleeps_outside_of_polling(child)
