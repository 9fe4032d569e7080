"""Which bytes on the blobs topic a record of a lane's journal stands for."""

from dataclasses import replace

from handrail.errors import WireError
from handrail.lane.journal import Entry, Kind
from handrail.wire.claim import Claim, is_claim


def claim_in(entry: Entry) -> Claim | None:
    """Give the claim of a message that rests, of a part, or of a step's outcome, if it has one."""
    try:
        if entry.snapshot is not None:
            return Claim.decode(entry.snapshot.value) if is_claim(entry.snapshot) else None
        claim = entry.facts.get("claim") if entry.kind is Kind.OUTCOME else None
        return None if claim is None else Claim.decode(str(claim).encode())
    except WireError:
        return None  # whoever carries it out says what is wrong with it


def claiming(entry: Entry, claim: Claim) -> Entry:
    """Give the same record, standing for bytes that lie elsewhere."""
    if entry.snapshot is not None:
        return replace(entry, snapshot=replace(entry.snapshot, value=claim.encode()))
    return replace(entry, facts={**entry.facts, "claim": claim.encode().decode()})
