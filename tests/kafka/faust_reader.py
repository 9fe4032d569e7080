"""A Faust application beside a Handrail team: asks with plain JSON, reads the answer.

Run as `python faust_reader.py BROKER NAMESPACE KEY FOLDER worker`; prints one line per result.
"""

import sys

import faust

broker, namespace, key, folder = sys.argv[1:5]
del sys.argv[1:5]

app = faust.App(
    f"{namespace}-reader",
    broker=f"kafka://{broker}",
    store="memory://",
    datadir=folder,
    web_enabled=False,
    topic_disable_leader=True,
)
intake = app.topic(f"{namespace}.names", key_serializer="raw", value_serializer="raw")
results = app.topic(f"{namespace}.results", key_serializer="raw", value_serializer="raw")


@app.agent(results)
async def read(stream: faust.StreamT) -> None:
    """Say what stands on the topic of results."""
    async for event in stream.events():
        kind = dict(event.headers)["ce_type"].decode()
        line = f"RESULT {event.key.decode()} {kind} {event.value.decode()}\n"
        sys.__stdout__.write(line)
        sys.__stdout__.flush()


@app.task
async def ask() -> None:
    """Put one task on the inbox, as any Faust application would."""
    await intake.send(key=key.encode(), value=b'"Ada"')


if __name__ == "__main__":
    app.main()
