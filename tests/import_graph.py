"""Reads the import graph from source: what every line of a module imports or reads."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv")
_NOT_OURS: Final = {"node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Use:
    """An import in a line of a module, or an access to the environment.

    ``target`` is the dotted name of a module, of what is imported from it, or of a member of
    ``os`` that gives access to the environment. ``lazy`` is true for a line inside a function. In
    the name of a dynamic import, ``*`` stands for each part that the source does not spell out.
    """

    file: str
    line: int
    module: str
    target: str
    lazy: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.module} uses {self.target}"


def within(name: str, *packages: str) -> bool:
    """Return whether a dotted name is one of the packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def files_of(root: Path, package: str) -> list[tuple[Path, str]]:
    """Return each file of the package that is in ``root``, with the name of its module."""
    return [
        (path, ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
        for path in sorted((root / package).rglob("*.py"))
        if _NOT_OURS.isdisjoint(path.parts)
    ]


def uses(source: str, file: str, module: str) -> Iterator[Use]:
    """Yield what the source of a module imports or reads, line by line."""
    package = module if file.endswith("__init__.py") else module.rpartition(".")[0]
    yield from _uses(ast.parse(source, file), file, module, package, lazy=False)


def _uses(node: ast.AST, file: str, module: str, package: str, *, lazy: bool) -> Iterator[Use]:
    lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for target in _targets(node, package):
        yield Use(file, getattr(node, "lineno", 1), module, target, lazy)
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, file, module, package, lazy=lazy)


def _targets(node: ast.AST, package: str) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=origin, names=names, level=level):
            parents = package.split(".")[: 1 - level or None] if level else []
            base = ".".join([*parents, *([origin] if origin else [])])
            return [f"{base}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
            args=[name, *_],
        ):
            return [_text(name)]
        case ast.Attribute(value=ast.Name(id="os"), attr=attr) if f"os.{attr}" in ENVIRONMENT:
            return [f"os.{attr}"]
    return []


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_text, parts))
    return "*"
