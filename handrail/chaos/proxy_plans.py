"""What a proxy may be told to do: harm the ends of transactions, or cut members off their group.

Pure, but for the die that is handed in.
"""

import random
from collections.abc import Mapping

from handrail.chaos.kafka_frames import Api, Request
from handrail.chaos.proxy import PASSES, Fate, Plan, Treatment


def harm_ends(
    die: random.Random, shares: Mapping[Fate, float], late_s: tuple[float, float]
) -> Plan:
    """Give each commit of a transaction one of these fates with its share, late within bounds.

    Ends that abort pass: whoever aborts has given up already.
    """

    def plan(request: Request) -> Treatment:
        if request.api != Api.END_TXN or not request.commits:
            return PASSES
        drawn = die.random()
        for fate, share in shares.items():
            if drawn < share:
                return Treatment(fate, die.uniform(*late_s))
            drawn -= share
        return PASSES

    return plan


def cut_off_from_group(request: Request) -> Treatment:
    """Let nothing through to the coordinator of a group; reading and writing go on."""
    return PASSES if request.group is None else Treatment(Fate.CUT_BEFORE)
