"""An MCP server over standard input and output, written without any SDK: `python crude.py MOOD`.

It starts at once and can do what no SDK would: die in a call, never end a line, print nonsense.
"""

import json
import os
import signal
import sys

TOOL = {
    "name": "echo",
    "description": "Say it again.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}


def say(number: int, result: object) -> None:
    """Answer a request."""
    line = json.dumps({"jsonrpc": "2.0", "id": number, "result": result})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def call(mood: str, number: int, arguments: dict[str, str]) -> None:
    """Answer a call as the mood says."""
    match mood:
        case "die":
            os._exit(3)
        case "flood":
            while True:
                sys.stdout.write("x" * 65_536)
        case "mute":
            return
        case "leaves":
            text = arguments.get("text", "")
            say(number, {"content": [{"type": "text", "text": text}]})
            os._exit(0)
        case "refuses":
            error = {"code": -32000, "message": "the database is away"}
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": number, "error": error}) + "\n")
            sys.stdout.flush()
        case "odd":
            say(number, {"content": "not a list"})
        case "environment":
            text = " ".join(sorted(os.environ))
            say(number, {"content": [{"type": "text", "text": text}]})
        case "tells":
            text = f"beside {os.environ.get(arguments['text'])}"
            say(number, {"content": [{"type": "text", "text": text}]})
        case _:
            say(number, {"content": [{"type": "text", "text": arguments.get("text", "")}]})


def main() -> None:
    """Serve until the input ends."""
    mood = sys.argv[1]
    if mood == "babble":
        sys.stdout.write("Welcome to the crude server!\n")
    for line in sys.stdin:
        asked = json.loads(line)
        match asked.get("method"):
            case "initialize":
                version = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
                say(asked["id"], {**version, "serverInfo": {"name": "crude", "version": "1"}})
            case "tools/list":
                changed = {"description": "Say it twice."} if mood == "changed" else {}
                say(asked["id"], {"tools": [{**TOOL, **changed}]})
            case "tools/call":
                call(mood, asked["id"], asked["params"].get("arguments", {}))
            case _ if "id" in asked:
                error = {"code": -32601, "message": "no such method"}
                answer = {"jsonrpc": "2.0", "id": asked["id"], "error": error}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()
    if mood == "stays":
        signal.pause()  # its input has ended, and it does not care


if __name__ == "__main__":
    main()
