"""Eats, and dies of some meals as a process dies of a crashing library."""

import asyncio
import os
import signal

from topics.meals import Meal, meals

from handrail import agent, results


@agent(reads=meals, writes=results)
async def eater(meal: Meal) -> Meal:
    """Take a moment over each; poison takes the whole process with it."""
    await asyncio.sleep(0.2)
    if meal.poison:
        descriptor = os.open(os.environ["DEATHS_FILE"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, f"{meal.number}\n".encode())
        os.fsync(descriptor)
        os.kill(os.getpid(), signal.SIGKILL)
    return meal
