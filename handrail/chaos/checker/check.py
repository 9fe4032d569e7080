"""All invariants in one list, and the judgement of a history by all of them."""

from collections.abc import Sequence
from typing import Final

from handrail.chaos.checker.dead_letters import dead_letters_are_complete
from handrail.chaos.checker.doubts import doubts_have_causes_and_ambiguity_has_doubts
from handrail.chaos.checker.effects import effects_are_as_promised
from handrail.chaos.checker.epochs import epochs_never_go_back, every_licence_was_current
from handrail.chaos.checker.finals import an_end_is_whole, nothing_undone_was_used
from handrail.chaos.checker.gathers import every_gather_closes
from handrail.chaos.checker.journals import nothing_live_is_left_behind
from handrail.chaos.checker.lineage import (
    nothing_exceeds_its_bounds,
    nothing_is_invented,
    nothing_is_there_twice,
)
from handrail.chaos.checker.memories import memory_is_the_fold_of_its_log
from handrail.chaos.checker.order import order_is_kept
from handrail.chaos.checker.reruns import runs_repeat_themselves
from handrail.chaos.checker.stalls import readers_are_never_stalled_for_long
from handrail.chaos.checker.sums import sums_agree
from handrail.chaos.checker.tasks import (
    no_acknowledged_task_is_lost,
    nothing_hangs_once_the_faults_are_over,
)
from handrail.chaos.checker.violation import Invariant, Violation
from handrail.chaos.history import History

INVARIANTS: Final = (
    Invariant(
        "I1",
        "No acknowledged task is lost: it ends, is dead with its record, or waits for a person.",
        no_acknowledged_task_is_lost,
    ),
    Invariant(
        "I2",
        "Nothing is invented: every handoff follows from its cause, every act has its intent.",
        nothing_is_invented,
    ),
    Invariant("I3", "No id is there twice, and each (id, run) ends once.", nothing_is_there_twice),
    Invariant(
        "I4", "An end is whole: handoffs, ledger, journal and offset, or none.", an_end_is_whole
    ),
    Invariant("I5", "Effects are as their classes promise.", effects_are_as_promised),
    Invariant(
        "I6", "The epoch of every act was current when it was licensed.", every_licence_was_current
    ),
    Invariant(
        "I7",
        "A handler that runs again on recorded outcomes repeats itself.",
        runs_repeat_themselves,
    ),
    Invariant("I8", "Order per key is kept, and nothing of one key overlaps.", order_is_kept),
    Invariant("I9", "Epochs never go back.", epochs_never_go_back),
    Invariant(
        "I10",
        "Memory is what its commands come to; every replica is a fold of its log.",
        memory_is_the_fold_of_its_log,
    ),
    Invariant(
        "I11", "Hops, fan-outs and spending stay within their bounds.", nothing_exceeds_its_bounds
    ),
    Invariant(
        "I12",
        "Once the faults are over, nothing lags, hangs, or rests without a reason.",
        nothing_hangs_once_the_faults_are_over,
    ),
    Invariant(
        "I13",
        "No open transaction holds readers up for long.",
        readers_are_never_stalled_for_long,
    ),
    Invariant(
        "I14",
        "What is live can be read from where the journal is said to begin.",
        nothing_live_is_left_behind,
    ),
    Invariant("I15", "Nothing of an aborted transaction was ever used.", nothing_undone_was_used),
    Invariant(
        "I16",
        "Every dead letter is complete; one that is asked back is taken, and repeats no step.",
        dead_letters_are_complete,
    ),
    Invariant("I17", "The ledger's sums are the outcomes' costs and the booked waste.", sums_agree),
    Invariant(
        "I18",
        "Every doubt has a cause in its window, every ambiguous unsafe step a doubt.",
        doubts_have_causes_and_ambiguity_has_doubts,
    ),
    Invariant("I19", "Every gather closes, and each part counts once.", every_gather_closes),
)


def check(history: History) -> Sequence[Violation]:
    """Give every violation of every invariant, in the order of the invariants."""
    return [violation for invariant in INVARIANTS for violation in invariant.check(history)]
