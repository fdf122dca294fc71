"""What the command line takes from the project's repository, which the wheel does not hold."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from greenstream.aws.dynamodb import DynamoDb

_ABOVE: Final = Path(__file__).resolve().parents[4]

ROOT: Final = _ABOVE if (_ABOVE / "infra/local/stack.py").is_file() else None
"""The repository's folder where this package runs from it, ``None`` where it runs from a wheel."""

STATE_DIR: Final = (ROOT or Path()) / ".local"
"""The folder in which a local stack keeps its records unless the command line names another."""

RECORD: Final = "stack.json"
"""The file in that folder that describes a running stack."""


class RunningStack(Protocol):
    """What the commands of this package need of a local stack that runs."""

    @property
    def table(self) -> str:
        """The name of the table of readings and policies."""

    @property
    def functions(self) -> Mapping[str, str]:
        """The deployed name of each function, by its folder's name."""

    @property
    def upstream(self) -> str:
        """Return ``simulated`` or ``live``."""

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return the router's answer to a path.

        Raises
        ------
        CommandError
            When the router does not answer, or answers with an error.
        """

    def dynamodb(self) -> "DynamoDb":
        """Return the project's client of the emulator's tables."""

    def client(self, service: Any) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Return an AWS client of the emulator."""


def recorded_router(state_dir: Path) -> str | None:
    """Return the router's address from the records of a local stack, ``None`` without records.

    The wheel has no code to see whether the stack's processes still run, so it asks the router.
    """
    try:
        address = json.loads((state_dir / RECORD).read_text())["router_url"]
    except (OSError, KeyError, TypeError, ValueError):  # none, or damaged
        return None
    return address if isinstance(address, str) else None


def running_stack(state_dir: Path) -> RunningStack | None:
    """Return the local stack whose records are in a folder, or ``None`` where none runs.

    Raises
    ------
    CommandError
        When the records are damaged, so that it is unknown whether a stack runs.
    """
    if ROOT is None or not (state_dir / RECORD).exists():
        return None
    from infra.local.stack import LocalStack  # noqa: PLC0415 - the wheel has no `infra`

    return LocalStack(state_dir).running()
