"""``python -m igfast`` is the command ``igfast``."""

from igfast.cli import main

main()
