"""A function whose annotations are texts until somebody reads them."""

from __future__ import annotations


async def gives_none(order: str) -> None:
    """Give nothing."""
