"""A scripted language server for the Neovim tests: raw JSON-RPC over stdio.

Owns what a test must be able to steer: which suggestion is answered for which text before the
cursor, when it is answered, and when the server dies. Writes every message it gets to a log, one
JSON object per line. Knows nothing of Stateline; the plugin cannot tell the two apart.

Steered by notifications: `test/answers` replaces the list of answers, `test/release` sends those
held back and then the status "released", `test/grow` sends an answer as what there
is meanwhile of the newest request, `test/send` sends any notification, `test/exit` exits. With
`at_once` on the command line it does not know `stateline/streamInlineCompletion`.
"""

import json
import re
import sys

ENCODINGS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
UNIT_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
AT_ONCE, GROWING = "textDocument/inlineCompletion", "stateline/streamInlineCompletion"


def text_before(line, character, encoding):
    """The part of a line left of an LSP character."""
    units = line.encode(ENCODINGS[encoding])
    return units[: character * UNIT_BYTES[encoding]].decode(ENCODINGS[encoding])


def as_item(answer, position):
    """An LSP item; `left` and `right` say how far its range reaches from the cursor, in units."""
    item = {key: value for key, value in answer.items() if key in ("insertText", "command")}
    if "left" in answer or "right" in answer:
        line, character = position["line"], position["character"]
        start, end = character - answer.get("left", 0), character + answer.get("right", 0)
        item["range"] = {
            "start": {"line": line, "character": start},
            "end": {"line": line, "character": end},
        }
    return item


def as_items(answer, position):
    """One item, or one for each of the `others` too: each is what differs from the first."""
    answers = [answer, *({**answer, **other} for other in answer.get("others", []))]
    return [as_item(each, position) for each in answers]


class FakeServer:
    """One connection: documents by full text, answers by the text before the cursor."""

    def __init__(self, log_path, encoding, methods="growing"):
        self.grows = methods == "growing"
        self.newest = {}
        self.log = open(log_path, "a", encoding="utf-8")  # noqa: SIM115 - lives as long as we do
        self.encoding = encoding
        self.documents, self.answers, self.held = {}, [], []

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sys.stdout.buffer.flush()

    def receive(self):
        length = 0
        while (header := sys.stdin.buffer.readline().strip()) != b"":
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        return json.loads(sys.stdin.buffer.read(length)) if length else None

    def complete(self, request_id, params):
        text = self.documents[params["textDocument"]["uri"]]
        position = params["position"]
        line = re.split(r"\r\n|\r|\n", text)[position["line"]]
        before = text_before(line, position["character"], self.encoding)
        self.note({"asked": before, "id": request_id, "params": params})
        self.newest = params
        answer = next((a for a in self.answers if a["before"] == before), {})
        if "error" in answer:
            error = {"code": answer.get("code", -32603), "message": answer["error"]}
            reply = {"id": request_id, "error": error}
        elif "insertText" in answer:
            reply = {"id": request_id, "result": {"items": as_items(answer, position)}}
        else:
            reply = {"id": request_id, "result": {"items": []} if "empty" in answer else None}
        if answer.get("hold"):
            self.held.append(reply)
        else:
            self.send(**reply)

    def grow(self, answer):
        value = {"items": as_items(answer, self.newest["position"])}
        params = {"token": self.newest["partialResultToken"], "value": value}
        self.send(method="$/progress", params=params)

    def note(self, record):
        self.log.write(json.dumps(record) + "\n")
        self.log.flush()

    def handle(self, method, params, request_id):
        if method == "initialize":
            capabilities = {
                "positionEncoding": self.encoding,
                "textDocumentSync": 1,
                "inlineCompletionProvider": {},
                "executeCommandProvider": {"commands": ["stateline.didAccept"]},
            }
            self.send(id=request_id, result={"capabilities": capabilities})
        elif method == "textDocument/didOpen":
            self.documents[params["textDocument"]["uri"]] = params["textDocument"]["text"]
        elif method == "textDocument/didChange":
            self.documents[params["textDocument"]["uri"]] = params["contentChanges"][-1]["text"]
        elif method == AT_ONCE or (method == GROWING and self.grows):
            self.complete(request_id, params)
        elif method == GROWING:
            error = {"code": -32601, "message": "Method Not Found"}
            self.send(id=request_id, error=error)
        elif method == "test/grow":
            self.grow(params)
        elif method == "test/answers":
            self.answers = params["answers"]
        elif method == "test/release":
            for reply in self.held:
                self.send(**reply)
            self.held.clear()
            status = {"busy": False, "message": "released", "kind": "Normal"}
            self.send(method="stateline/didChangeStatus", params=status)
        elif method == "test/send":
            self.send(method=params["method"], params=params["params"])
        elif method in ("exit", "test/exit"):
            sys.exit((params or {}).get("code", 0))
        elif request_id is not None:
            self.send(id=request_id, result=None)

    def serve(self):
        while (message := self.receive()) is not None:
            self.note(message)
            self.handle(message["method"], message.get("params"), message.get("id"))


if __name__ == "__main__":
    FakeServer(*sys.argv[1:4]).serve()
