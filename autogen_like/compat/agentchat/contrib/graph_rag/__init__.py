"""``autogen.agentchat.contrib.graph_rag``."""
