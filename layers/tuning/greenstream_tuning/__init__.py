"""Replay of the router over the past, and the search for a better policy."""
