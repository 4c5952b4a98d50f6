import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
PRODUCT = sorted(
    path
    for package in ("domain", "tools", "knowledge", "agent", "workflows", "service", "evals", "lab")
    for path in (ROOT / package).rglob("*.py")
)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_says_its_promise(path: Path):
    """A test without a docstring does not say what it holds."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    silent = [f.name for f in functions if f.name.startswith("test_") and not ast.get_docstring(f)]
    assert silent == []


def test_the_environment_is_read_in_one_file():
    """Settings come from `service/settings.py`; the lab, a program of its own, has `lab/environment.py`."""
    readers = {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"service/settings.py", "lab/environment.py"}


def test_no_function_is_longer_than_a_screen():
    """At most 60 lines, docstring aside."""
    long = []
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
                if lines > 62:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert long == []
