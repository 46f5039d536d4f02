"""``python -m inference`` is the ``cabine`` program."""

from inference.cli import app

app(prog_name="cabine")
