"""``autogen.agentchat.contrib.agent_eval``."""
