"""An HTTP server on a free port of the loopback, in a thread of this process."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Loopback(ThreadingHTTPServer):
    """`answer(client, body)` answers every request; `client` is the handler of http.server."""

    daemon_threads = True

    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def each(self):
                answer(self, self.rfile.read(int(self.headers.get("content-length") or 0)))

            do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = each

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        # A program that ends leaves its connections as they are.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def stop(self):
        self.shutdown()
        self.server_close()


def reply(client, status, headers, body):
    """Sends these headers and no others: `send_response` would add a `Date` and a `Server` of its own."""
    client.send_response_only(status)
    for name, value in headers:
        client.send_header(name, value)
    if status != 204:
        client.send_header("Content-Length", str(len(body)))
    client.end_headers()
    client.wfile.write(body)
