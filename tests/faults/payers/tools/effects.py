"""Tools that leave a line in a file for each act, on the disk before they say that they acted."""

import os

from handrail import Effect, Integrity, Reach, tool


def act(what: str, number: int) -> None:
    """Write a line that no crash takes back."""
    file = os.open(os.environ["EFFECTS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{what} {number}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(number: int) -> str:
    """Look at a bill."""
    act("look", number)
    return f"bill {number}"


@tool(effect=Effect.PAID, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def think(text: str, number: int) -> str:
    """Think about a bill, for money."""
    act("think", number)
    return f"{text} is right"


@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def pay(number: int) -> str:
    """Pay a bill, which nobody can take back."""
    act("pay", number)
    return f"paid {number}"
