"""By whose rights a dead letter was sent back."""

from dataclasses import replace

from handrail.lane.redrives import Settled, Settling

BY_A_PERSON = Settled(
    dead=3, invocation="i", what=Settling.REDRIVEN, answer=7, by="ann", until_ms=9
)
ASKED_ANEW = replace(BY_A_PERSON, answer=-1, by="asker, which asks it anew", person="ann")


def test_a_letter_is_sent_back_by_whoever_asked_for_it_or_has_sent_its_asker_back() -> None:
    assert BY_A_PERSON.sent_back_by == "ann"
    assert ASKED_ANEW.sent_back_by == "ann"


def test_an_agent_that_asks_anew_is_not_taken_for_a_person() -> None:
    entry = replace(ASKED_ANEW, person="").entry(1, "1", 0)
    facts = {name: value for name, value in entry.facts.items() if name != "person"}

    assert Settled.of(replace(entry, facts=facts)).sent_back_by == ""
