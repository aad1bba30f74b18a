"""The DNS servers that are compared, each set up to answer the same names with the same address and to deny all others.

Names are half exact ones below example.com and half `*.` ones below example.net. Each peer has them in the form that
costs it least: a set of names where it has one, else a zone's records."""
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "gate"))

import gates

ADDRESS = "192.0.2.1"  # that every allowed name leads to, but for Pinhole's, which lead to its gate
ZONES = ("example.com", "example.net")
START_SECONDS_MAX = 120


def exact_name(number):
    return f"host{number}.zone{number % 997}.example.com"


def wildcard_base(number):
    return f"tree{number}.example.net"


def encode_question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\0\1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def read_all(folder):
    """Afterwards what stands in the folder is in memory, whatever the system has dropped of it meanwhile."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


class Server(gates.Process):
    """On one core. Ready when it answers an allowed name; `start_s` is the time until then, without that of the disk."""

    def __init__(self, name, command, port, folder):
        super().__init__(name, command, f"127.0.0.1:{port}", folder)
        self.port = port
        self.folder = folder
        self.start_s = None

    def start(self):
        read_all(self.folder)
        began = time.monotonic()
        super().start(START_SECONDS_MAX)
        self.start_s = time.monotonic() - began

    def is_ready(self):
        return self.answers(exact_name(0))

    def answers(self, name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect(("127.0.0.1", self.port))
            asking.settimeout(0.1)
            try:
                asking.send(encode_question(name))
                return asking.recv(512)[3] & 15 == 0
            except OSError:  # nobody listens yet, or nobody answers
                return False

    def wait_for(self, name):
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.answers(name):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer {name}")
            time.sleep(0.01)

    def peak_bytes(self):
        lines = [pathlib.Path(f"/proc/{process}/status").read_text() for process in self.process_ids()]
        return sum(int(text.split("VmHWM:")[1].split()[0]) * 1024 for text in lines)


class Place:
    """Where the servers of one number of rules live, and which rules these are."""

    def __init__(self, build, folder, rule_count):
        self.build, self.folder, self.rule_count = build, folder, rule_count
        self.exact = [exact_name(number) for number in range(rule_count // 2)]
        self.bases = [wildcard_base(number) for number in range(rule_count // 2)]
        folder.mkdir()
        self.write_zones()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        return path

    def write_lines(self, name, lines):
        return self.write(name, "".join(f"{line}\n" for line in lines))

    def write_zones(self):
        """The zones as records, for servers that answer from records."""
        head = f"$TTL 300\n@ SOA ns.{ZONES[0]}. nobody.{ZONES[0]}. 1 3600 600 86400 300\n@ NS ns.{ZONES[0]}.\n"
        cut = {zone: -len(zone) - 1 for zone in ZONES}
        com, net = ZONES
        self.write(com, head + f"ns A {ADDRESS}\n" + "".join(f"{name[:cut[com]]} A {ADDRESS}\n" for name in self.exact))
        self.write(net, head + "".join(f"*.{base[:cut[net]]} A {ADDRESS}\n" for base in self.bases))


def echo(place, port):
    return Server("echo", [place.build / "bench/dns-echo", port], port, place.folder)


def pinhole(place, port, status="none"):
    """Its policy has a folder to itself, because a log file beside it would wake the thread that watches that folder."""
    (place.folder / "policy").mkdir()
    policy = place.folder / "policy/policy.db"
    program = place.build / "app/pinhole"
    subprocess.run([program, "init", "--db", policy], check=True, stdout=subprocess.DEVNULL)
    # One statement: sqlite3 compiles the triggers that guard an edit anew for each.
    rows = ",\n".join(f"('{target}')" for target in place.exact + [f"*.{base}" for base in place.bases])
    subprocess.run(["sqlite3", "-bail", policy], input=f"INSERT INTO rule (target) VALUES {rows};", text=True, check=True)
    command = [program, "serve", "--status-listen", status, "--db", policy, "--workers", "1",
               "--dns-listen", f"127.0.0.1:{port}", "--tls-listen", "127.0.0.1:0=443"]
    return Server("pinhole", command, port, place.folder)


def dnsdist(place, port):
    """A set of names and a tree of suffixes; batches of 64, which are off by default."""
    place.write_lines("exact", place.exact)
    place.write_lines("bases", place.bases)
    configuration = place.write("dnsdist.lua", f"""
setSecurityPollSuffix("")
setUDPMultipleMessagesVectorSize(64)
setLocal("127.0.0.1:{port}")
local names, bases = newDNSNameSet(), newSuffixMatchNode()
for line in io.lines("{place.folder}/exact") do names:add(newDNSName(line)) end
for line in io.lines("{place.folder}/bases") do bases:add(newDNSName(line)) end
addAction(QNameSetRule(names), SpoofAction("{ADDRESS}"))
addAction(SuffixMatchNodeRule(bases), SpoofAction("{ADDRESS}"))
addAction(AllRule(), RCodeAction(DNSRCode.NXDOMAIN))
""")
    return Server("dnsdist", ["dnsdist", "--supervised", "--disable-syslog", "-C", configuration], port, place.folder)


def unbound(place, port):
    """Local zones: one `static` for exact names and a `redirect` for each wildcard."""
    lines = ["server:", "username: ''", "chroot: ''", "pidfile: ''", f"directory: '{place.folder}'", "use-syslog: no",
             "num-threads: 1", f"interface: 127.0.0.1@{port}", "module-config: 'iterator'",
             *(f"local-zone: '{zone}.' static" for zone in ZONES)]
    lines += [f"local-data: '{name}. 300 A {ADDRESS}'" for name in place.exact]
    for base in place.bases:
        lines += [f"local-zone: '{base}.' redirect", f"local-data: '{base}. 300 A {ADDRESS}'"]
    lines += ["remote-control:", "control-enable: no"]
    return Server("unbound", ["unbound", "-d", "-c", place.write_lines("unbound.conf", lines)], port, place.folder)


def nsd(place, port):
    """Two zones of records; no rate limit."""
    zones = "".join(f"zone:\n    name: {zone}\n    zonefile: {zone}\n" for zone in ZONES)
    configuration = place.write("nsd.conf", f"""server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    answer-cookie: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    username: ""
    chroot: ""
    zonesdir: "{place.folder}"
    pidfile: "{place.folder}/nsd.pid"
    xfrdfile: "{place.folder}/nsd.xfrd"
    xfrdir: "{place.folder}"
    zonelistfile: "{place.folder}/nsd.zones"
    cookie-secret-file: ""
    database: ""
remote-control:
    control-enable: no
{zones}""")
    return Server("nsd", ["nsd", "-d", "-c", configuration], port, place.folder)


def knot(place, port):
    """Two zones of records. (Its module for cookies turns away who has none of the server yet, so it is off.)"""
    zones = "".join(f"  - domain: {zone}\n    file: {place.folder}/{zone}\n" for zone in ZONES)
    configuration = place.write("knot.conf", f"""server:
    rundir: "{place.folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{place.folder}/knot"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{place.folder}"
    semantic-checks: off
    zonefile-load: whole
    journal-content: none
zone:
{zones}""")
    return Server("knot", ["knotd", "-c", configuration], port, place.folder)


def knot_resolver(place, port):
    """A function of ours in Lua, which looks for the name and its parents in tables, as its own policies do."""
    place.write_lines("exact", place.exact)
    place.write_lines("bases", place.bases)
    configuration = place.write("kresd.conf", f"""
net.listen("127.0.0.1", {port}, {{ kind = "dns" }})
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.unload("priming")
modules.unload("detect_time_skew")
trust_anchors.remove(".")
cache.size = 100 * MB
local names, bases = {{}}, {{}}
for line in io.lines("{place.folder}/exact") do names[todname(line)] = true end
for line in io.lines("{place.folder}/bases") do bases[todname(line)] = true end
local answer = policy.ANSWER({{ [kres.type.A] = {{ rdata = kres.str2ip("{ADDRESS}"), ttl = 300 }} }})
policy.add(function(_, query)
    local name = query:name()
    if names[name] then return answer end
    local at = 1
    while name:byte(at) ~= 0 do
        at = at + name:byte(at) + 1
        if bases[name:sub(at)] then return answer end
    end
    return policy.DENY
end)
""")
    return Server("knot-resolver", ["kresd", "-n", "-q", "-c", configuration, place.folder], port, place.folder)


def bind(place, port):
    """Two zones of records. (Its RPZ can't deny by default without a record for each rule's every parent.)"""
    zones = "".join(f'zone "{zone}" {{ type primary; file "{zone}"; check-names ignore; }};\n' for zone in ZONES)
    configuration = place.write("named.conf", f"""options {{
    directory "{place.folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    minimal-responses yes;
    notify no;
    empty-zones-enable no;
}};
controls {{ }};
{zones}""")
    return Server("bind", ["named", "-f", "-n", "1", "-u", "root", "-c", configuration], port, place.folder)


def pdns_recursor(place, port):
    """Two zones of records that it answers itself; its cache of packets is on, as by default."""
    zones = ",".join(f"{zone}={place.folder}/{zone}" for zone in ZONES)
    place.write("recursor.conf", f"""local-address=127.0.0.1
local-port={port}
socket-dir={place.folder}
config-dir={place.folder}
threads=1
auth-zones={zones}
security-poll-suffix=
dnssec=off
loglevel=3
write-pid=no
setuid=
setgid=
""")
    command = ["pdns_recursor", f"--config-dir={place.folder}", "--daemon=no", "--disable-syslog=yes"]
    return Server("pdns-recursor", command, port, place.folder)


def dnsmasq(place, port):
    """Addresses of domains, and for exact names a file of hosts."""
    hosts = place.write_lines("dnsmasq.hosts", [f"{ADDRESS} {name}" for name in place.exact])
    lines = [f"port={port}", "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts", "user=root",
             f"addn-hosts={hosts}", *(f"local=/{zone}/" for zone in ZONES),
             *(f"address=/{base}/{ADDRESS}" for base in place.bases)]
    return Server("dnsmasq", ["dnsmasq", "-k", "-C", place.write_lines("dnsmasq.conf", lines), "--pid-file="], port,
                  place.folder)


# In the order of the tables: how each is made, and the program it needs. Echo and Pinhole come first.
OURS = {"echo": echo, "pinhole": pinhole}
PEERS = {
    "dnsdist": (dnsdist, "dnsdist"),
    "nsd": (nsd, "nsd"),
    "knot": (knot, "knotd"),
    "unbound": (unbound, "unbound"),
    "knot-resolver": (knot_resolver, "kresd"),
    "bind": (bind, "named"),
    "pdns-recursor": (pdns_recursor, "pdns_recursor"),
    "dnsmasq": (dnsmasq, "dnsmasq"),
}


def missing_peers():
    return [name for name, (_, program) in PEERS.items() if shutil.which(program) is None]
