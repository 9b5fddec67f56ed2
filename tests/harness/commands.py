"""Commands of the command line, called in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from igfast.cli.app import app

SMALL = ["--width", "16,8", "--epochs", "2", "--batch-size", "32", "--records", "15"]
SMALL += ["--threads", "1", "--no-download", "--no-report"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> str:
    """The one-sentence error of a command that must fail."""
    result = call(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.stderr.startswith("Error: ")
    return result.stderr
