"""A proxy in front of a broker's management API that counts what is asked for.

Not here: the API.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

__all__ = ["counting_proxy"]


@contextmanager
def counting_proxy(management_url: str, asked: Counter[str]) -> Iterator[str]:
    """Pass GET requests on, count them by path in `asked`, and yield the URL to ask instead."""
    login, _, host = management_url.removeprefix("http://").rpartition("@")
    opener = build_opener(ProxyHandler({}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path.partition("?")[0]] += 1
            request = Request(f"http://{host}{self.path}", headers={"Authorization": self.headers["Authorization"]})
            try:
                with opener.open(request, timeout=30.0) as answer:
                    self._answer(answer.status, answer.headers["Content-Type"], answer.read())
            except HTTPError as error:
                with error:
                    self._answer(error.code, error.headers["Content-Type"], error.read())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://{login}@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
