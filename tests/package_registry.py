"""A registry on this machine that pip and npm take for theirs, and that can be made to fail."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from stateline.model.training.corpus.sources import Distribution, Release


class Registry:
    """Serves what was put into it; what is broken is cut short the first time it is asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  # by the path that a client asks for
        self.broken: set[str] = set()
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, source: Release, archive: Path, *, broken: bool = False) -> None:
        """Publish a source with an archive, whatever its pin says."""
        place = f"/files/{source.stem}/{source.file}"
        self.files[place] = archive.read_bytes()
        if isinstance(source, Distribution):
            index = f'<a href="{self.url}{place}">{source.file}</a>'
            self.files[f"/simple/{source.name}/"] = index.encode()
        else:
            self.files[f"/{source.name}"] = self._packument(source, place)
        if broken:
            self.broken.add(place)

    def _packument(self, source: Release, place: str) -> bytes:
        digest = base64.b64encode(hashlib.sha512(self.files[place]).digest()).decode()
        dist = {"tarball": self.url + place, "integrity": f"sha512-{digest}"}
        version = {"name": source.name, "version": source.version, "dist": dist}
        found = {"name": source.name, "dist-tags": {"latest": source.version}}
        return json.dumps({**found, "versions": {source.version: version}}).encode()

    def use(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        """Let both clients ask here and nowhere else, at most once."""
        for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
            patch.delenv(name, raising=False)
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        patch.setenv("PIP_INDEX_URL", f"{self.url}/simple/")
        patch.setenv("PIP_RETRIES", "0")
        for name in ("userconfig", "globalconfig"):
            patch.setenv(f"npm_config_{name}", str(folder / name))
        patch.setenv("npm_config_registry", f"{self.url}/")
        patch.setenv("npm_config_fetch_retries", "0")
        patch.setenv("no_proxy", "127.0.0.1")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path)
                registry.asked.append(path)
                data = registry.files.get(path)
                self.send_response(404 if data is None else 200)
                kind = "text/html" if path.startswith("/simple/") else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                if path in registry.broken:
                    registry.broken.remove(path)
                    self.wfile.write((data or b"")[:50])
                    self.close_connection = True
                else:
                    self.wfile.write(data or b"")

            def log_message(self, format: str, *arguments: object) -> None:
                """The test says what went wrong."""

        return Handler
