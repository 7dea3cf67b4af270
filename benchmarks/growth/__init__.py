"""Growth of latency, memory and recall with the number and size of questions."""
