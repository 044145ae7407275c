"""Group chats: several agents, one transcript, and a way to decide who speaks next."""
