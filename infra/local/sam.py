"""Runs SAM with the fastest compression, since its uploads do not leave this machine.

SAM compresses what it uploads with zlib's usual effort, which takes most of the time of a local
deployment. The archives of the fastest level are about a tenth larger and hold the same files.

SAM's own interpreter runs this file, so it imports nothing of the project.
"""

import importlib
import zlib
from typing import Any

zlib.Z_DEFAULT_COMPRESSION = zlib.Z_BEST_SPEED  # type: ignore[misc] # `zipfile` reads it each time

if __name__ == "__main__":
    command: Any = importlib.import_module("samcli.cli.main")
    command.cli(prog_name="sam")
