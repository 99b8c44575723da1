"""Stands for llama-server: loads for two questions, then says what it was asked, as an answer.

Owns the answers' form. It refuses what the driver must never send.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

ALWAYS = {"cache_prompt": True, "return_tokens": True, "top_k": 1}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loading = 2

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        Handler.loading -= 1
        self.answer(503 if Handler.loading >= 0 else 200, {})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not asked["prompt"] or any(asked[name] != value for name, value in ALWAYS.items()):
            self.answer(400, {"error": f"not {ALWAYS}, or an empty prompt"})
            return
        likely = [{"id": i, "logprob": -i} for i in range(asked.get("n_probs", 0))]
        content = {
            "tokens": asked["prompt"],
            "timings": {"prompt_n": asked["n_predict"], "prompt_ms": 2.5, "predicted_ms": 4.5},
            "completion_probabilities": [{"top_logprobs": likely}],
        }
        self.answer(200, content)

    def log_message(self, *_):
        pass


PORT = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
