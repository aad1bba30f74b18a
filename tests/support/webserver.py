"""The real servers behind the gate: nginx for real TLS, and raw TCP servers that count who comes."""
import os
import socket
import threading

from support.process import Deadline, eventually, run, spawn, stop

NGINX_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    log_format seen '$ssl_server_name $ssl_protocol $server_protocol $status';
    access_log {directory}/access.log seen;
    server {{
        {listens}
        ssl_certificate {chain}; ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3; client_max_body_size 0; root {directory}/www;
        location = /seen {{ return 200 '$ssl_server_name $ssl_protocol $server_protocol'; }}
        location /files/ {{ dav_methods PUT; client_body_temp_path {directory}/www/body; }}
    }}
}}
"""


class Nginx:
    """nginx with a certificate of the tests' CA. `/seen` says what it saw; `/files/` takes GET and PUT."""

    def __init__(self, directory, certificates, endpoints):
        self.directory, self.files = directory, directory / "www" / "files"
        self.files.mkdir(parents=True)
        directory.chmod(0o755)
        configuration = directory / "nginx.conf"
        listens = " ".join(f"listen {address}:{port} ssl http2;" for address, port in endpoints)
        configuration.write_text(NGINX_CONFIGURATION.format(
            directory=directory, listens=listens, chain=certificates.chain, key=certificates.key))
        user = ["-g", "user root;"] if os.getuid() == 0 else []
        self._process = spawn(["nginx", "-c", configuration, "-e", directory / "error.log", *user])
        eventually(lambda: self._accepts(endpoints[0]), 20, "nginx accepts connections")

    @staticmethod
    def _accepts(endpoint):
        try:
            socket.create_connection(endpoint, 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        stop(self._process)


class TcpServer:
    """A raw TCP server. Each connection is given to `handle(connection)` on a thread of its own; what that
    returns is kept in `results`, what it raises too."""

    def __init__(self, handle, addresses, port):
        self.accepted, self.results = 0, []
        self._handle, self._changed = handle, threading.Condition()
        self._listeners = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._listeners.append(socket.create_server((address, port), family=family, backlog=1024))
        self._threads = [threading.Thread(target=self._accept, args=(listener,), daemon=True)
                         for listener in self._listeners]
        for thread in self._threads:
            thread.start()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                result = self._handle(connection)
        except Exception as error:  # pylint: disable=broad-except
            result = error
        with self._changed:
            self.results.append(result)
            self._changed.notify_all()

    def wait_results(self, count=1, seconds=30):
        """Waits until `count` connections were handled; returns their results. Raises what a handler raised."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.results) >= count, Deadline(seconds).left())
        assert done, f"{len(self.results)} of {count} connections handled"
        for result in self.results:
            if isinstance(result, Exception):
                raise result
        return self.results

    def stop(self):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join()


def curl(gate, port, certificates, path, *options, name="api.example.com", seconds=30):
    """Runs curl for https://NAME:PORT/PATH through the gate, whatever DNS says."""
    address = f"[{gate[0]}]" if ":" in gate[0] else gate[0]
    return run(["curl", "-sS", "--max-time", seconds, "--cacert", certificates.ca,
                "--connect-to", f"{name}:{port}:{address}:{gate[1]}", *options, f"https://{name}:{port}{path}"],
               seconds + 5)
