"""The list of commands: for each its group, its one-line summary and the file it lives in.

Nothing is imported to show this list, so `handrail --help` reaches neither Kafka nor the team.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One command: where it stands in the help, what it does, where its code is."""

    group: str
    summary: str
    where: str  #: "module:attribute" below handrail.cli


COMMANDS: dict[str, Entry] = {
    "init": Entry("start", "Make a folder with a new team.", "init:init"),
    "dev": Entry("start", "Broker, topics and agents in one go; reloads on save.", "dev:dev"),
    "up": Entry("start", "Start the team, each agent as its own process.", "up:up"),
    "down": Entry("start", "Stop what `up` or `dev` started.", "down:down"),
    "status": Entry("start", "What is running, and who does what.", "status:status"),
    "logs": Entry("start", "What a process has said.", "logs:logs"),
    "doctor": Entry("start", "Numbered checks with one fix each.", "doctor:doctor"),
    "demo": Entry("start", "Ask the shipped research desk one real question.", "demo:demo"),
    "submit": Entry("work", "Give the team a task.", "submit:submit"),
    "send": Entry("work", "Put one message on a topic.", "send:send"),
    "watch": Entry("work", "Follow a task until it ends.", "watch:watch"),
    "result": Entry("work", "The result of a task.", "result:result"),
    "list": Entry("work", "Tasks and their states.", "tasks:list_tasks"),
    "show": Entry("work", "The story of one task.", "show:show"),
    "cancel": Entry("work", "Stop tasks.", "cancel:cancel"),
    "undo": Entry("work", "Take back what a task has done.", "undo:undo"),
    "tail": Entry("see", "Messages of a topic or of a task, as they come.", "tail:tail"),
    "topics": Entry("see", "Topics: list, inspect, plan, apply.", "topics:topics"),
    "agents": Entry("see", "Agents: list, show, pause, drain, resume.", "agents:agents"),
    "run": Entry("see", "Run agents in this process, in the foreground.", "run:run"),
    "dead": Entry("failures", "Dead letters: list, show, redrive, discard.", "dead:dead"),
    "doubt": Entry("failures", "Steps in doubt: list, resolve.", "doubt:doubt"),
    "chaos": Entry("proof", "A team under faults, and what was found.", "chaos:chaos"),
    "memory": Entry(
        "memory", "What the team remembers: look, write, take back, forget.", "memory:memory"
    ),
    "people": Entry("people", "Everything that waits for a person.", "people:people"),
    "answer": Entry("people", "Answer what a task asks of a person.", "people:answer"),
    "approve": Entry("people", "Let an act take place that waits for it.", "approve:approve"),
    "deny": Entry("people", "Refuse an act that waits for an approval.", "approve:deny"),
    "tools": Entry("govern", "Tools: list, show; of MCP servers too.", "tools:tools"),
    "policy": Entry("govern", "The rules of the team: check, explain.", "policy:policy"),
    "can": Entry("govern", "Whether somebody may have something done.", "policy:can"),
    "runbook": Entry("proof", "What an error code means and what to do.", "runbook:runbook"),
    "config": Entry("proof", "Settings: show, explain.", "config:config"),
    "version": Entry("proof", "Versions of Handrail and of what it stands on.", "version:version"),
}
