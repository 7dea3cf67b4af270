"""Latency, memory and the reference workload."""
