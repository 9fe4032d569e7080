"""What our side knows of one call's way over HTTP."""

import pytest

from handrail.rails.mcp.ending import HttpAnswer
from handrail.rails.mcp.exchange import Exchange, context_of, current

GONE = HttpAnswer(404, in_session=True)


def test_the_answer_to_a_second_request_is_not_taken_for_that_to_the_first() -> None:
    exchange = Exchange()
    exchange.begin()
    exchange.answered(HttpAnswer(200))
    exchange.begin()
    exchange.answered(GONE)

    assert exchange.answer is None


@pytest.mark.parametrize("status", [307, 308])
def test_a_request_that_a_redirect_sends_on_is_the_same_request(status: int) -> None:
    exchange = Exchange()
    exchange.begin()
    exchange.answered(HttpAnswer(status))
    exchange.begin()

    assert exchange.answer is None
    exchange.answered(GONE)
    assert exchange.answer == GONE


async def test_it_is_sent_from_the_moment_in_which_its_first_byte_may_leave() -> None:
    exchange = Exchange()
    await exchange.trace("connection.connect_tcp.complete", {})
    before = exchange.sent

    await exchange.trace("http11.send_request_headers.started", {})

    assert (before, exchange.sent) == (False, True)


def test_only_what_runs_for_a_call_knows_it() -> None:
    exchange = Exchange()

    assert context_of(exchange).run(current) is exchange
    assert current() is None
