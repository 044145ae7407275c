"""``autogen.agentchat.contrib.capabilities``: import its modules."""
