"""An act that can be taken back, as the ledger tells of it."""

from handrail.ledger.taking_back import Done

HIRED = Done(
    act="i/0/1",
    tool="hire",
    text="hire()",
    undo="unhire",
    tenant="acme",
    arguments={},
    result=None,
    until_ms=None,
)
