"""A provider of long calls for money, which writes down when each begins and when it ends."""

import asyncio
import os
import time

from handrail import Effect, Integrity, Reach, tool

CALL_S = float(os.environ.get("CALL_S", "4"))


def line(what: str, number: int, step: int) -> None:
    """Write a line that no crash takes back."""
    file = os.open(os.environ["CALLS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{what} {number} {step} {os.getpid()} {time.time()}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


@tool(effect=Effect.PAID, timeout_s=600.0, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def think(number: int, step: int) -> str:
    """Think about an order, for money and for long."""
    line("begun", number, step)
    await asyncio.sleep(CALL_S)
    line("ended", number, step)
    return f"thought {step} of {number}"
