"""A scraper such as Prometheus is, that takes next to no time of its core."""
import socket
import threading
import time


class Scraper:
    """While it is entered, a thread of its own fetches /metrics `per_second` times a second. One that comes late is not
    made up for. `is_kept`: over one connection, as Prometheus does; else each over a new one."""

    def __init__(self, address, per_second, is_kept):
        self.count, self.bytes, self.seconds = 0, 0, []  # done; of the last; each one's time
        self._address, self._pause_s, self._is_kept = address, 1 / per_second, is_kept
        self._failure = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        if self._failure is not None:
            raise RuntimeError(f"/metrics: {self._failure}")

    def is_running(self):
        """False once it failed."""
        return self._thread.is_alive()

    def _run(self):
        connection, due = None, time.monotonic()
        try:
            while not self._is_over.wait(max(0.0, due - time.monotonic())):
                began = time.monotonic()
                due = max(due + self._pause_s, began)
                connection = connection or socket.create_connection(self._address, 10)
                self.bytes = self._fetch(connection)
                self.count += 1
                self.seconds.append(time.monotonic() - began)
                if not self._is_kept:
                    connection = connection.close()
        except (OSError, ValueError, IndexError) as failure:
            self._failure = failure
        finally:
            if connection is not None:
                connection.close()

    def _fetch(self, connection):
        """How many bytes the metrics were."""
        connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: {self._address[0]}\r\n\r\n".encode())
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(head.decode(errors="replace"))
        size, received = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]), len(body)
        while received < size:
            count = len(connection.recv(65536))
            if count == 0:
                raise ValueError("the answer ends too soon")
            received += count
        return size
