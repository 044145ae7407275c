"""``autogen.agentchat.contrib``: import its modules."""
