"""Loads torch: the first import of this package, so that its absence is said once and its threads are set up."""

from __future__ import annotations

import os

from ...core.errors import MissingExtra

# How often the threads of a product look whether the others are done before they sleep. Unless it is said when torch is
# loaded they do so for milliseconds, and one that waits for so long keeps one that works from its core; this lasts as
# long as what lies between two products. `threads` sees to it that decoding on a busy machine doesn't suffer.
_SPINS = "3000"
_said = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
if not _said:
    os.environ["GOMP_SPINCOUNT"] = _SPINS
try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise MissingExtra("the local model engine", "local") from None
finally:
    if not _said:  # programs that this one starts are left alone
        del os.environ["GOMP_SPINCOUNT"]
