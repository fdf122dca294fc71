"""The help of ``greenstream``, the choice of a command, and errors without the repository."""

import re
from pkgutil import resolve_name

import pytest

from greenstream.cli import repository
from greenstream.cli.main import COMMANDS, GROUPS, main

IN_THE_REPOSITORY = sorted(name for name, command in COMMANDS.items() if command.needs_repository)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what an option that ends the program, such as ``--help``, prints."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_help_lists_every_command_in_its_group_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    help_text = said(capsys, "--help")

    titles = re.findall(r"^(.+):$", help_text, re.MULTILINE)
    assert [title for title in titles if title in GROUPS] == list(GROUPS)
    for title, group in GROUPS.items():
        section = help_text.partition(f"{title}:\n")[2].partition("\n\n")[0]
        listed = [re.split(r"\s{2,}", line.strip()) for line in section.splitlines()]
        assert listed == [[name, command.summary] for name, command in group.items()]
    assert all(re.fullmatch(r"[A-Z].+[^.]\.", command.summary) for command in COMMANDS.values())
    assert max(map(len, help_text.splitlines())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_repeats_its_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    help_text = said(capsys, name, "--help")

    assert help_text.startswith(f"usage: greenstream {name} ")
    assert COMMANDS[name].summary in " ".join(help_text.split())


def test_a_command_that_does_not_exist_is_refused_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["polcy"])

    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "invalid choice: 'polcy'" in error
    assert all(name in error for name in COMMANDS)


def test_a_command_line_without_a_command_is_refused_with_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2

    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", said(capsys, "--help"))


@pytest.mark.parametrize("name", IN_THE_REPOSITORY)
@pytest.mark.parametrize("words", [[], ["--help"], ["--auth", "iam"]])
def test_without_the_repository_a_command_that_needs_it_says_so_in_one_line(
    name: str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(repository, "ROOT", None)

    assert main([name, *words]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert f"`greenstream {name}` needs the project's repository" in err


@pytest.mark.parametrize(
    ("words", "instead"), [("policy list", "--table"), ("report", "--log-group")]
)
def test_without_the_repository_a_deployed_stack_must_be_named(
    words: str,
    instead: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(repository, "ROOT", None)

    assert main(words.split()) == 1
    assert instead in capsys.readouterr().err


def test_policy_and_report_need_no_repository() -> None:
    assert not COMMANDS["policy"].needs_repository
    assert not COMMANDS["report"].needs_repository
    assert {"run", "up", "down", "status", "invoke", "providers"} < set(IN_THE_REPOSITORY)


def test_the_commands_of_the_wheel_are_in_the_package_that_it_holds() -> None:
    for command in COMMANDS.values():
        package = resolve_name(command.module).__name__.partition(".")[0]
        assert package == ("infra" if command.needs_repository else "greenstream")
