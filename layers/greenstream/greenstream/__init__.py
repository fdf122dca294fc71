"""GreenStream's shared package: carbon truth, freshness, routing, and the ports around them."""

__version__ = "0.2.0"
"""The version of `pyproject.toml`, which does not ship with a function."""
