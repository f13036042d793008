"""A folder of shards on a web server of this machine."""

from __future__ import annotations

import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """A folder over HTTP that notes what is asked for, and can lose or delay files."""

    def __init__(self, folder):
        self.asked, self.gone, self.slow = [], set(), {}
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_GET(self):
                name = self.path.rpartition("/")[2]
                outer.asked.append(name)
                time.sleep(outer.slow.get(name, 0.0))
                if name in outer.gone:
                    self.send_error(503)
                else:
                    super().do_GET()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
