"""Holds a handler until the test lets it go, so that no test has to guess how long that takes."""

import asyncio


class Gate:
    """Whoever passes through says so and waits until it is opened."""

    def __init__(self) -> None:
        """Begin closed."""
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    async def pass_through(self) -> None:
        """Say that somebody is here, and wait."""
        self.entered.set()
        await self.opened.wait()
