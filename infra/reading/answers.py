"""The files that answer a provider's requests, each for the URLs that match its pattern."""

import io
import re
import zipfile
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from greenstream.cli.errors import UnusableError
from infra.local.upstream import nyiso
from infra.local.upstream.wire import Answer

CONTENT_TYPES: Final = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".html": "text/html",
    ".json": "application/json",
    ".txt": "text/plain",
    ".xml": "text/xml",
    ".zip": "application/zip",
}
"""The content type of an answer, by the ending of its file."""

OTHER_TYPE: Final = "application/octet-stream"
STATUS: Final = re.compile(r"([2-5]\d\d):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A pattern, and what answers the URLs that match it.

    Parameters
    ----------
    pattern
        A pattern of `fnmatch` for a whole URL with its query.
    answer
        The file's bytes with the content type of its ending.
    """

    pattern: str
    answer: Answer

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ``PATTERN=FILE`` or ``PATTERN=STATUS:FILE`` of the command line.

        The last ``=`` separates the two, since a pattern may be about a URL's query.

        Raises
        ------
        UnusableError
            When a part is missing, or when the file cannot be read.
        """
        pattern, _, named = text.rpartition("=")
        status, file = int(HTTPStatus.OK), named
        if match := STATUS.fullmatch(named):
            status, file = int(match[1]), match[2]
        if not pattern or not file:
            raise UnusableError(f"{text!r} is not PATTERN=FILE or PATTERN=STATUS:FILE")
        try:
            body = Path(file).read_bytes()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UnusableError(f"the file {file!r} of {text!r} cannot be read: {why}") from error
        kind = CONTENT_TYPES.get(Path(file).suffix.lower(), OTHER_TYPE)
        return cls(pattern, Answer(body, kind, status))

    @property
    def is_csv(self) -> bool:
        """Whether the answer is a good one with a CSV file."""
        return self.answer.status == HTTPStatus.OK and self.answer.content_type == "text/csv"

    def matches(self, url: str) -> bool:
        """Return whether the file answers a URL."""
        return fnmatchcase(url, self.pattern)

    def names(self, path: str) -> bool:
        """Return whether the pattern spells out the path of a URL, as ``*`` does not."""
        return path in self.pattern


def answer_to(answers: Sequence[FileAnswer], url: str) -> Answer | None:
    """Return the answer of the first file whose pattern matches a URL, or ``None``.

    NYISO's archive of a month is put together from the CSV files that answer its days, since the
    gridstatus library asks for the archive instead of a day's file once the day is a week old.
    """
    parts = urlsplit(url)
    match = next((answer for answer in answers if answer.matches(url)), None)
    month = nyiso.MONTH_FILE.fullmatch(parts.path)
    if month is None or (match is not None and not match.is_csv):
        return None if match is None else match.answer
    files: dict[str, bytes] = {}
    first_day = month[1]
    for day in range(1, 1 + monthrange(int(first_day[:4]), int(first_day[4:6]))[1]):
        name = f"{first_day[:6]}{day:02}rtfuelmix.csv"
        of_day = f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}/{name}"
        file = next((answer for answer in answers if answer.matches(of_day)), match)
        if file is not None and file.is_csv:
            files[name] = file.answer.body
    return Answer(_zipped(files), CONTENT_TYPES[".zip"]) if files else None


def _zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return packed.getvalue()
