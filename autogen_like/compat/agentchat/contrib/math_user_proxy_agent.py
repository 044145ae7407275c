"""``autogen.agentchat.contrib.math_user_proxy_agent``."""

from __future__ import annotations

from ....agents.contrib import math_user_proxy
from ....agents.contrib.math_user_proxy import PROMPTS
from ....agents.contrib.math_user_proxy import is_boxed_answer as _is_termination_msg_mathchat
from ....agents.contrib.math_user_proxy import with_last_line_printed as _add_print_to_last_line
from ....agents.contrib.math_user_proxy import without_prints as _remove_print
from ..user_proxy_agent import UserProxyAgent


class MathUserProxyAgent(math_user_proxy.MathUserProxyAgent, UserProxyAgent):
    """`autogen_like.MathUserProxyAgent` for scripts of AutoGen 0.2; see `ConversableAgent`.

    Unlike 0.2's, it runs nothing in this process: ``code_execution_config`` says where.
    """


__all__ = ["PROMPTS", "MathUserProxyAgent", "_add_print_to_last_line", "_is_termination_msg_mathchat", "_remove_print"]
