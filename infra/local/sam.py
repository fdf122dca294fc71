"""Runs SAM with faster settings, since what it makes does not leave this machine.

SAM compresses what it uploads with zlib's usual effort, which takes most of the time of a local
deployment. The archives of the fastest level are about a tenth larger and hold the same files. SAM
also parses the template ten times in a deployment, by PyYAML's loader in Python, which takes about
ten times as long as the loader in C with the same result.

SAM's own interpreter runs this file, so it imports nothing of the project.
"""

import importlib
import zlib
from typing import Any

zlib.Z_DEFAULT_COMPRESSION = zlib.Z_BEST_SPEED  # type: ignore[misc] # `zipfile` reads it each time

yaml: Any = importlib.import_module("yaml")
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # `yaml.safe_load` reads it

if __name__ == "__main__":
    command: Any = importlib.import_module("samcli.cli.main")
    command.cli(prog_name="sam")
