"""Training an agent's functions, and its prompt, on tasks: functions are the weights, failed tasks are the loss."""
