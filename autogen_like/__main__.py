"""``python -m autogen_like``: the same as the ``autogen-like`` command."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
