"""The ways through the team: three hops with a step each, one long step, and one question."""

from handrail import Topic

texts, seconds, thirds = (Topic(name, carries=str) for name in ("texts", "seconds", "thirds"))
waits = Topic("waits", carries=str)
asks = Topic("asks", carries=str)
riddles = Topic("riddles", carries=str, replies=str)
