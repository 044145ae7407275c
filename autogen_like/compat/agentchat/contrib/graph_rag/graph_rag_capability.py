"""``autogen.agentchat.contrib.graph_rag.graph_rag_capability``."""

from __future__ import annotations

from typing import Any

from .....core.message import content_text
from ..capabilities.agent_capability import AgentCapability
from .graph_query_engine import GraphQueryEngine


class GraphRagCapability(AgentCapability):
    """Has an agent answer what a graph of knowledge knows; otherwise it answers as it always does.

    0.2 left it to the engines what an agent does with them.

    Args:
        query_engine: What answers questions from the graph.

    Example:
        >>> from autogen_like.compat import ConversableAgent
        >>> from autogen_like.compat.agentchat.contrib.graph_rag.graph_query_engine import GraphStoreQueryResult
        >>> class Films:
        ...     def init_db(self, input_doc=None): ...
        ...     def add_records(self, new_records): return True
        ...     def query(self, question, n_results=1, **kwargs):
        ...         return GraphStoreQueryResult("Keanu Reeves" if "Matrix" in question else None)
        >>> agent = ConversableAgent("films", human_input_mode="NEVER", default_auto_reply="I don't know.")
        >>> GraphRagCapability(Films()).add_to_agent(agent)
        >>> [agent.generate_reply([{"role": "user", "content": f"Who is in {film}?"}]) for film in ("Matrix", "Heat")]
        ['Keanu Reeves', "I don't know."]
    """

    def __init__(self, query_engine: GraphQueryEngine) -> None:
        self.query_engine = query_engine

    def add_to_agent(self, agent: Any) -> None:
        """Lets an agent ask the graph."""
        agent.register_reply(lambda _: True, self._reply, position=2)

    def _reply(self, recipient: Any, messages: Any, sender: Any, config: Any) -> tuple[bool, str | None]:
        question = content_text(messages[-1].get("content")) if messages else ""
        if not question.strip():
            return False, None
        answer = self.query_engine.query(question).answer
        return bool(answer), answer


__all__ = ["GraphRagCapability"]
