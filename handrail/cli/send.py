"""`handrail send`: puts one message on a topic of the team, as the beginning of a task."""

from typing import Any

import click

from handrail.cli.output import output_option
from handrail.cli.place import Place, place_options
from handrail.cli.submit import as_option, budget_option
from handrail.errors import TopicUnknown


@click.command()
@click.argument("topic")
@click.argument("text", required=False)
@place_options
@click.option("-f", "--file", metavar="FILE", help="Read it from a file; - is standard input.")
@budget_option
@as_option
@output_option
def send(place: Place, topic: str, **given: Any) -> int:  # noqa: ANN401  # the options above
    """Put one message on a TOPIC of the team; it begins a task of its own.

    TEXT is the message: plain text where the topic lets one, else JSON.
    """
    from handrail.cli.message import given_text, message_of
    from handrail.cli.submit import Submission, run_submission
    from handrail.cli.team import checked_team

    settings = place.settings()
    topics = checked_team(settings).loaded.topics
    if topic not in topics:
        raise TopicUnknown(wanted=topic, known=", ".join(topics))
    text = given_text(given["text"], given["file"], f"send {topic}")
    message = message_of(topics[topic], text)
    asked_by, budget = given["asked_by"], given["budget"]
    task = Submission(topics[topic], message, None, None, budget=budget, asked_by=asked_by)
    return run_submission(settings, task, wait=False, shape=given["shape"])
