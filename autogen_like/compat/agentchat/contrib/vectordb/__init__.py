"""``autogen.agentchat.contrib.vectordb``."""
