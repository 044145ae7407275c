"""Microsoft Agent Framework with its instrumentation, which is on by default, off; see microsoft.py."""

from agent_framework.observability import disable_instrumentation

from measure import main
from microsoft import CONTESTANT

disable_instrumentation()
main(CONTESTANT)
