"""Loads torch: the first import of this package, so that its absence is said once and its threads are set up."""

from __future__ import annotations

import os

from ...core.errors import MissingExtra

# The threads of a product wait for each other by spinning, unless they are told otherwise before torch is loaded. On a
# machine with other work that makes decoding several times slower, since one that spins keeps another from its core; on
# an idle one spinning is faster by some 40 %: see docs/local-model.md.
_policy = os.environ.get("OMP_WAIT_POLICY")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
try:
    import torch as _torch  # noqa: F401
except ImportError:
    raise MissingExtra("the local model engine", "local") from None
finally:
    if _policy is None:  # programs that this one starts are left alone
        del os.environ["OMP_WAIT_POLICY"]
