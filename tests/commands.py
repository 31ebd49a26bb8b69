"""Commands run in this process, as a shell would see them."""

from __future__ import annotations

import pytest

from smtplogs import cli


def exit_code(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command and return exit code, standard output and standard error."""
    code = exit_code(*arguments)
    said = capsys.readouterr()
    return code, said.out, said.err
