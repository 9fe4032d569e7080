"""The ways through the team: three hops with a step each, and one agent with a long step."""

from handrail import Topic

texts, seconds, thirds = (Topic(name, carries=str) for name in ("texts", "seconds", "thirds"))
waits = Topic("waits", carries=str)
