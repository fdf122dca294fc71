"""The errors by which a command ends with one line on stderr."""


class CommandError(Exception):
    """A command cannot do what it was asked to do; the message says why."""

    exit_code = 1


class UnusableError(CommandError):
    """The command line asks for something that does not exist here; the message says what."""

    exit_code = 2


class RefusedError(CommandError):
    """The router refused a question.

    Parameters
    ----------
    status
        The HTTP status, 400 to 499.
    text
        The router's problem details, as JSON.
    """

    def __init__(self, message: str, status: int, text: str) -> None:
        super().__init__(message)
        self.status = status
        self.text = text
