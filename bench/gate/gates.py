"""The proxies that are compared, each set up to let through the same names and log to a file, and what stands
behind them: the server, and a DNS server for those that look names up themselves."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

NAMES = 1000
ZONE = "bench.example.com"
SERVER = "11.22.33.44:443"
DNS = "127.0.0.53:5353"
SERVER_CORE, LOAD_CORE = "0", "1"
NGINX_STREAM = ("/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so",
                "/usr/share/nginx/modules/ngx_stream_module.so")

os.environ["PATH"] += ":/usr/sbin"


def allowed_names(count=NAMES):
    return [f"host{number}.{ZONE}" for number in range(count)]


def find_nginx_stream():
    """The path of nginx's stream module, or None."""
    return next((path for path in NGINX_STREAM if os.path.exists(path)), None)


def missing_peers():
    """Names of the peers that this machine lacks."""
    missing = [name for name in ("haproxy", "nginx", "sniproxy") if shutil.which(name) is None]
    if "nginx" not in missing and find_nginx_stream() is None:
        missing.append("nginx")
    return missing


def is_listening(address, namespace="self"):
    """Whether somebody listens on this TCP address in the network of a process, without connecting to it."""
    host, port = address.split(":")
    wanted = "".join(f"{int(byte):02X}" for byte in reversed(host.split("."))) + f":{int(port):04X}"
    lines = pathlib.Path(f"/proc/{namespace}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(fields[1] == wanted and fields[3] == "0A" for fields in map(str.split, lines))


class Process:
    """A program on one core. Ready when it listens on `address`; what it prints is in FOLDER/NAME.log. `namespace`
    is a process in whose network it is to be."""

    def __init__(self, name, command, address, folder, core=SERVER_CORE, namespace="self"):
        self.name, self.address, self.log = name, address, folder / f"{name}.log"
        there = [] if namespace == "self" else ["nsenter", "-t", str(namespace), "-n"]
        self._command = [*there, "taskset", "-c", core, *map(str, command)]
        self._namespace = namespace
        self._process = None

    def start(self, patience_s=60):
        with open(self.log, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + patience_s
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start; see {self.log}")
            time.sleep(0.01)

    def is_ready(self):
        return is_listening(self.address, self._namespace)

    def stop(self):
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            for process in self.process_ids():
                os.kill(process, signal.SIGKILL)
            self._process.wait()

    def process_ids(self):
        """Of the program and of those that it started."""
        found, at = [self._process.pid], 0
        while at < len(found):
            for children in pathlib.Path(f"/proc/{found[at]}/task").glob("*/children"):
                found += map(int, children.read_text().split())
            at += 1
        return found

    def cpu_s(self):
        """User and system time so far. clock_getcpuclockid(3) makes a clock of a process id like this."""
        return sum(time.clock_gettime((~process << 3) | 2) for process in self.process_ids())

    def resident_bytes(self):
        pages = sum(int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
                    for process in self.process_ids())
        return pages * os.sysconf("SC_PAGE_SIZE")


def server(build, folder):
    return Process("server", [build / "bench/gate-server", SERVER], SERVER, folder, LOAD_CORE)


def authority(folder):
    """Answers every name of the zone with the server's address."""
    (folder / "zone").write_text(f"""$ORIGIN {ZONE}.
$TTL 3600
@ SOA ns.{ZONE}. nobody.{ZONE}. 1 3600 600 86400 3600
@ NS ns.{ZONE}.
ns A 127.0.0.53
* A {SERVER.split(":")[0]}
""", encoding="ascii")
    host, port = DNS.split(":")
    (folder / "nsd.conf").write_text(f"""server:
    ip-address: {host}@{port}
    server-count: 1
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/nsd.xfrd"
    xfrdir: "{folder}"
    zonelistfile: "{folder}/nsd.zones"
    database: ""
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: zone
""", encoding="ascii")
    return Process("nsd", ["nsd", "-d", "-c", folder / "nsd.conf"], DNS, folder, LOAD_CORE)


def relay(build, folder, how, address):
    return Process(f"relay-{how}", [build / "bench/gate-relay", how, address, SERVER], address, folder)


def write_policy(pinhole, path, rule_count, verify="none"):
    subprocess.run([pinhole, "init", "--db", path], check=True, stdout=subprocess.DEVNULL)
    # One statement: sqlite3 compiles the triggers that guard an edit anew for each.
    rows = ",\n".join(f"('{name}', '{verify}')" for name in allowed_names(rule_count))
    subprocess.run(["sqlite3", "-bail", path], input=f"INSERT INTO rule (target, verify) VALUES {rows};", text=True,
                   check=True)


def pinhole_gate(build, folder, rule_count, address):
    """Pinhole looks the names up itself; it has no other way. Its policy has a folder to itself, because a log file
    beside it would wake the thread that watches that folder."""
    (folder / "policy").mkdir(exist_ok=True)
    policy = folder / "policy" / f"{rule_count}.db"
    write_policy(build / "app/pinhole", policy, rule_count)
    name = "pinhole" if rule_count == NAMES else f"pinhole-{rule_count // 1000}k"
    return Process(name, serve_command(build, policy, address), address, folder)


def serve_command(build, policy, address):
    return [build / "app/pinhole", "serve", "--status-listen", "none", "--db", policy, "--workers", "1", "--upstream-dns", DNS, "--dns-listen",
            "127.0.0.1:0", "--tls-listen", f"{address}=443"]


def checking_gate(build, folder, verify, ca_file, address, cold_start="parallel"):
    """Pinhole with rules that all have this `verify`."""
    name = f"pinhole-{verify}-{cold_start}"
    (folder / f"policy-{name}").mkdir()
    policy = folder / f"policy-{name}" / "policy.db"
    write_policy(build / "app/pinhole", policy, NAMES, verify)
    subprocess.run(["sqlite3", "-bail", policy, f"UPDATE setting SET value = '{cold_start}' WHERE name = 'cold_start'"],
                   check=True)
    return Process(name, [*serve_command(build, policy, address), "--ca-file", ca_file], address,
                   folder)


def web_server(ca, folder, address, namespace="self"):
    """Shows a chain of three certificates, the root among them, and resumes no session."""
    ca.issue("server", san=f"DNS:*.{ZONE}")
    (folder / "chain.pem").write_text("".join(ca.path(name).read_text() for name in ("server", "intermediate", "root")))
    (folder / "web.conf").write_text(f"""daemon off;
user root;
master_process off;
pid {folder}/web.pid;
error_log {folder}/web.error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server {{
        listen {address} ssl backlog=4096;
        ssl_certificate {folder}/chain.pem;
        ssl_certificate_key {ca.key("server")};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets off;
        ssl_session_cache off;
        keepalive_timeout 0;
        location / {{ return 200 "well"; }}
    }}
}}
""", encoding="ascii")
    return Process("web", ["nginx", "-p", folder, "-e", "stderr", "-c", folder / "web.conf"], address, folder,
                   LOAD_CORE, namespace)


def haproxy(folder, how, address):
    """`how`: map, splice or dns. Refuses by closing."""
    (folder / "haproxy.map").write_text("".join(f"{name} server\n" for name in allowed_names()), encoding="ascii")
    options = "option splice-request\n    option splice-response" if how == "splice" else ""
    resolvers = f"resolvers authority\n    nameserver local {DNS}\n    hold valid 1h" if how == "dns" else ""
    look_up = ("tcp-request content do-resolve(txn.address,authority,ipv4) req.ssl_sni if is_hello\n    "
               "tcp-request content set-dst var(txn.address) if is_hello" if how == "dns" else "")
    (folder / f"haproxy-{how}.conf").write_text(f"""global
    nbthread 1
    log stdout format raw local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    {options}
{resolvers}
frontend gate
    bind {address}
    tcp-request inspect-delay 5s
    acl is_hello req.ssl_hello_type 1
    tcp-request content reject if is_hello !{{ req.ssl_sni,lower,map_str({folder}/haproxy.map) -m found }}
    {look_up}
    tcp-request content accept if is_hello
    default_backend server
backend server
    server server {"0.0.0.0:443" if how == "dns" else SERVER}
""", encoding="ascii")
    return Process(f"haproxy-{how}", ["haproxy", "-db", "-f", folder / f"haproxy-{how}.conf"], address, folder)


def nginx(folder, how, address):
    """`how`: map or dns. Refuses by having nowhere to go, and closes."""
    target = (lambda name: f"{name}:443") if how == "dns" else (lambda name: SERVER)
    (folder / f"nginx-{how}.map").write_text("".join(f"{name} {target(name)};\n" for name in allowed_names()),
                                             encoding="ascii")
    (folder / f"nginx-{how}.conf").write_text(f"""load_module {find_nginx_stream()};
daemon off;
user root;
master_process off;
pid {folder}/nginx-{how}.pid;
error_log {folder}/nginx-{how}.error;
events {{ worker_connections 20000; }}
stream {{
    log_format line '$remote_addr [$time_local] $ssl_preread_server_name $status $bytes_sent $bytes_received '
                    '$session_time $upstream_addr';
    access_log {folder}/nginx-{how}.access line;
    resolver {DNS} ipv6=off;
    map $ssl_preread_server_name $to {{
        include {folder}/nginx-{how}.map;
    }}
    server {{
        listen {address} backlog=4096;
        ssl_preread on;
        proxy_pass $to;
    }}
}}
""", encoding="ascii")
    return Process(f"nginx-{how}", ["nginx", "-p", folder, "-e", "stderr", "-c", folder / f"nginx-{how}.conf"],
                   address, folder)


def sniproxy(folder, address):
    """Refuses with an alert."""
    table = "".join("    " + name.replace(".", "\\.") + f" {SERVER}\n" for name in allowed_names())
    (folder / "sniproxy.conf").write_text(f"""user root
pidfile {folder}/sniproxy.pid
error_log {{
    filename {folder}/sniproxy.error
    priority notice
}}
access_log {{
    filename {folder}/sniproxy.access
}}
listener {address} {{
    protocol tls
    table names
}}
table names {{
{table}}}
""", encoding="ascii")
    return Process("sniproxy", ["sniproxy", "-f", "-c", folder / "sniproxy.conf"], address, folder)
