"""An MCP server that does what its first argument says, and nothing that the protocol says where that is the point.

Written on the bare protocol of 2025-11-25, so that it can break it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

MODE = sys.argv[1] if len(sys.argv) > 1 else "good"
HERE = sys.argv[2] if len(sys.argv) > 2 else ""  # a folder for notes to the test
OBJECT = {"type": "object", "properties": {"text": {"type": "string"}}}
lock = threading.Lock()
cancelled: set[object] = set()


def note(name: str, text: str) -> None:
    with (Path(HERE) / name).open("a") as file:
        file.write(text + "\n")


def send(message: dict[str, object]) -> None:
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(said: str, **more: object) -> dict[str, object]:
    return {"content": [{"type": "text", "text": said}], **more}


def tool(name: str, schema: object = OBJECT, **more: object) -> dict[str, object]:
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema, **more}


TOOLS = ["echo", "count", "die", "hang", "huge", "fail", "odd", "ask", "progress", "change", "garbage", "pid"]
listed = [tool(name) for name in TOOLS]
if MODE == "odd-tools":
    listed = [
        tool("echo"),
        tool("read file/ü"),
        tool("read file/ö"),
        tool("x" * 100),
        tool("echo"),
        tool("array", {"type": "array"}),
        tool("text", "no schema"),
        tool("remote", {"type": "object", "properties": {"a": {"$ref": "https://example.org/a.json"}}}),
        tool("wrong", {"type": "object", "properties": {"a": {"type": "number or so"}}}),
        tool("task", execution={"taskSupport": "required"}),
        tool("alternatives", {"type": "object", "oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}),
        {"description": "has no name"},
        "not even an object",
        {**tool("verbose"), "description": "word " * 2000, "outputSchema": "broken", "icons": 5},
        {**tool("shy"), "description": None, "annotations": {"destructiveHint": True, "title": 7}},
    ]


def call(number, name, arguments, token):  # noqa: C901 - one branch a tool
    said = str(arguments.get("text", ""))
    if name == "echo":
        return text(said)
    if name == "count":
        note("counted", said)
        return text(f"counted {said}")
    if name == "pid":
        return text(str(os.getpid()))
    if name == "die":
        note("died", said)
        os._exit(3)
    if name == "hang":
        note("hanging", said)
        while number not in cancelled:
            time.sleep(0.01)
        note("cancelled", said)
        return None
    if name == "huge":
        return text("x" * int(said))
    if name == "fail":
        return text(said, isError=True)
    if name == "odd":
        return {"content": [{"type": "hologram"}]}
    if name == "ask":
        send({"id": "s1", "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}})
        send({"id": "r1", "method": "roots/list"})
        send({"id": "e1", "method": "elicitation/create", "params": {"message": "?", "requestedSchema": OBJECT}})
        return text("asked")
    if name == "progress":
        assert token is not None
        for step in range(int(said)):
            send({
                "method": "notifications/progress",
                "params": {"progressToken": token, "progress": step + 1, "total": int(said), "message": f"step {step}"},
            })  # fmt: skip
        return text("done")
    if name == "change":
        listed.append(tool(said))
        for _ in range(50):
            send({"method": "notifications/tools/list_changed"})
        return text("changed")
    if name == "garbage":
        sys.stdout.write("this is no JSON\n{neither: is this\n\n\x1b[31m\n[1, 2]\n")
        return text("printed")
    return text(f"there is no {name}", isError=True)


def answer(message):  # noqa: C901 - one branch a method
    method, number = message.get("method"), message.get("id")
    params = message.get("params") or {}
    if method == "initialize":
        if MODE == "hang-initialize":
            return
        if MODE == "die-initialize":
            sys.stderr.write("no database here\n")
            sys.stderr.flush()
            os._exit(7)
        if MODE == "crash-loop":
            note("started", "again")
        info = {"name": "wayward", "version": "1"}
        offered = {"tools": {"listChanged": True}}
        version = "1999-01-01" if MODE == "old" else "2025-11-25"
        send({"id": number, "result": {"protocolVersion": version, "capabilities": offered, "serverInfo": info}})
    elif method == "notifications/initialized" and MODE == "crash-loop":
        os._exit(1)
    elif method == "tools/list":
        if MODE == "pages":
            start = int(params.get("cursor", 0))
            page = {"tools": [tool(f"tool-{start}"), tool(f"tool-{start + 1}")]}
            send({"id": number, "result": page if start >= 8 else {**page, "nextCursor": str(start + 2)}})
        elif MODE == "endless-pages":
            send({"id": number, "result": {"tools": [], "nextCursor": os.urandom(8).hex()}})
        elif MODE == "no-list":
            send({"id": number, "error": {"code": -32603, "message": "no list today"}})
        else:
            send({"id": number, "result": {"tools": listed}})
    elif method == "tools/call":
        token = params.get("_meta", {}).get("progressToken")
        result = call(number, params["name"], params.get("arguments", {}), token)
        if result is not None:
            send({"id": number, "result": result})
    elif method == "notifications/cancelled":
        cancelled.add(params["requestId"])
    elif method is None:
        note("answers", json.dumps(message))
    elif number is not None:
        send({"id": number, "error": {"code": -32601, "message": "Method not found"}})


def main() -> None:
    if MODE == "only-garbage":
        while True:
            print("y")
    if MODE == "long-line":
        while True:
            sys.stdout.write("x" * 1_000_000)
    if MODE == "stubborn":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        same = subprocess.Popen([sys.executable, "-c", child])
        away = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
        note("pids", f"{os.getpid()} {same.pid} {away.pid}")
    if MODE == "noisy":
        sys.stderr.write("\x1b[31mred\n" + "x" * 100_000 + "\n")
    sys.stderr.write(f"started with {sorted(os.environ)}\n")
    sys.stderr.flush()
    for line in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
    while MODE == "stubborn":
        time.sleep(1)


main()
