"""EcoAct: the model sees the names of its tools, and registers those that it needs.

After "EcoAct: Economic Agent Determines When to Register What Action" (Zhang et al., arXiv 2411.01643).
"""

from __future__ import annotations

from .costs import Bill, Prices, Workload
from .events import BranchEnded, ToolRegistered, ToolUnregistered
from .forecast import Forecast
from .reasoning import DFSDT, Node, ReAct
from .report import Report
from .search import Embedder
from .toolbox import SelectiveToolbox

__all__ = [
    "DFSDT",
    "Bill",
    "BranchEnded",
    "Embedder",
    "Forecast",
    "Node",
    "Prices",
    "ReAct",
    "Report",
    "SelectiveToolbox",
    "ToolRegistered",
    "ToolUnregistered",
    "Workload",
]
