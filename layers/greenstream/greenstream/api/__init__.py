"""The router's HTTP API: questions are parsed, answered from a snapshot, and rendered."""
