"""Many conversations: over tasks, on one event loop or on a Ray cluster, and what is learnt from them.

`Rollouts` maps an agent, or any function, over tasks. `Trajectory` is what a rollout leaves for training.
"""
