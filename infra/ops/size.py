"""``greenstream size``: compare the unzipped size of each built function with Lambda's limit."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from greenstream.cli.errors import CommandError
from infra.supply.supply_chain import BUILT

UNZIPPED_LIMIT_BYTES = 262_144_000
"""Limit of a function with its layers, unzipped (AWS Lambda quotas, "Deployment package size").

AWS states it as 250 MB."""


@dataclass(frozen=True, slots=True)
class BuiltSize:
    """The unzipped size of one function, in bytes, by part: the function itself and each layer.

    ``byte_code_bytes`` is the part of the whole that is byte code.
    """

    function: str
    parts_bytes: dict[str, int]
    byte_code_bytes: int

    @property
    def total_bytes(self) -> int:
        """The size of the function with its layers."""
        return sum(self.parts_bytes.values())

    @property
    def margin_bytes(self) -> int:
        """The bytes left below the limit; negative above it."""
        return UNZIPPED_LIMIT_BYTES - self.total_bytes

    def __str__(self) -> str:
        parts = " + ".join(f"{name} {size:,}" for name, size in self.parts_bytes.items())
        return (
            f"{self.function}: {self.total_bytes:,} of {UNZIPPED_LIMIT_BYTES:,} bytes unzipped,"
            f" margin {self.margin_bytes:,} ({parts}; {self.byte_code_bytes:,} are byte code)"
        )


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    size = commands.add_parser("size")
    size.add_argument("build_dir", type=Path, nargs="?", default=BUILT)
    size.set_defaults(do=_size)


def _size(arguments: argparse.Namespace) -> int:
    try:
        sizes = built_sizes(arguments.build_dir)
    except (FileNotFoundError, NotADirectoryError) as error:
        nothing = f"{arguments.build_dir} holds no build: run `make build` first"
        raise CommandError(nothing) from error
    print("\n".join(map(str, sizes)))
    return int(any(size.margin_bytes < 0 for size in sizes))


def built_sizes(build_dir: Path) -> list[BuiltSize]:
    """Measure every function of a ``sam build`` folder.

    Raises
    ------
    FileNotFoundError
        When the folder holds no build.
    """
    template = yaml_parse((build_dir / "template.yaml").read_text())
    everywhere = template["Globals"]["Function"].get("Layers", [])
    sizes = []
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            parts = [name, *_layers(everywhere), *_layers(resource["Properties"])]
            unpacked = {part: _unpacked_bytes(build_dir / part) for part in parts}
            byte_code = sum(_unpacked_bytes(build_dir / part, "*.pyc") for part in parts)
            sizes.append(BuiltSize(name, unpacked, byte_code))
    return sizes


def _layers(holder: Any) -> list[str]:  # noqa: ANN401 - a piece of a parsed template
    references = holder.get("Layers", []) if isinstance(holder, dict) else holder
    return [reference["Ref"] for reference in references]


def _unpacked_bytes(folder: Path, names: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.rglob(names) if path.is_file())
