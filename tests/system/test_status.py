"""The status page over HTTP: what it answers, whom, and how much of it."""
import contextlib
import shutil
import signal
import socket
import threading

import pytest

from support.dns_client import dig, is_allowed
from support.page import Answer, fetch, fetch_json, read_answer, read_metrics
from support.policy import quote, set_setting
from support.process import PINHOLE, Deadline, eventually, run

TOKEN = "0123456789abcdef-a-token"
HTML = ["/", "/rules", "/denied", "/connections", "/decisions", "/explain"]
TABLES = ["/api/v1/health", "/api/v1/rules", "/api/v1/denied"]
EVERY_HEADER = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
                               "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def start(launch, make_policy):
    """Starts Pinhole with a status page."""
    def start_it(targets=("api.example.com",), *arguments, policy=None, **options):
        return launch(policy or make_policy(targets), status="127.0.0.1:0", arguments=arguments, **options)
    return start_it


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return path


def ask_raw(pinhole, request):
    """What comes back for these bytes, up to the end of the connection."""
    with socket.create_connection(pinhole.status, Deadline(20).left()) as connection:
        connection.sendall(request)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    return read_answer(received.decode()) if received else Answer(0)


@pytest.mark.quick
def test_probes(start, token_file):
    pinhole = start((), "--status-token-file", token_file)
    for path in ("/healthz", "/readyz"):
        for host in (None, "10.1.2.3:9180", "anything.example", ""):
            answer = fetch(pinhole, path, host=host)
            assert (answer.code, answer.body) == (200, "ok\n"), (path, host)


@pytest.mark.quick
def test_ready_ends_with_the_signal_and_alive_does_not(start, make_policy):
    policy = make_policy()
    policy.sql(set_setting("hello_seconds", "600"))
    pinhole = start(policy=policy, drain=3600)
    with pinhole.connect():  # it says nothing, and is waited for
        pinhole.process.send_signal(signal.SIGTERM)
        pinhole.log.wait(event="stopping")
        answer = fetch(pinhole, "/readyz")
        assert (answer.code, answer.body) == (503, "draining\n")
        assert fetch(pinhole, "/healthz").code == 200
        assert fetch_json(pinhole, "/api/v1/health")["ready"] is False
        assert "Not ready" in fetch(pinhole, "/").body
    pinhole.wait()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"])
def test_it_only_shows(start, method):
    pinhole = start()
    for path in ("/", "/healthz", "/api/v1/rules", "/nothing"):
        answer = fetch(pinhole, path, "--request", method)
        assert (answer.code, answer.header("Allow")) == (405, "GET, HEAD")


@pytest.mark.quick
def test_head_is_get_without_the_body(start):
    pinhole = start()
    for path in ("/rules", "/api/v1/rules", "/metrics", "/healthz", "/nothing", "/denied?sort=nonsense"):
        got, head = fetch(pinhole, path), fetch(pinhole, path, "--head")
        assert head.code == got.code and head.body == ""
        assert [key for key, _ in head.headers] == [key for key, _ in got.headers]
        told, size = int(head.header("Content-Length")), len(got.body.encode())
        assert told == size if path in ("/healthz", "/nothing") else abs(told - size) < 100, "figures gain digits"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9180", "127.0.0.1.evil.example", "x.localhost",
                                  "pinhole.example.evil.example", "2130706433", "127.1", "", "[::1", "localhost:80:80",
                                  "me@localhost"])
def test_a_foreign_host_is_refused(start, host):
    """DNS rebinding: a page of evil.example that has its name lead here."""
    pinhole = start(("secret.example.com",), "--status-host", "pinhole.example")
    for path in ("/", "/rules", "/api/v1/rules", "/metrics", "/nothing"):
        answer = fetch(pinhole, path, host=host) if host else ask_raw(
            pinhole, f"GET {path} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n".encode())
        assert answer.code == 403 and "secret" not in answer.body
        assert "--status-host" in answer.body, "says what to do"


def test_its_own_names(start):
    pinhole = start((), "--status-host", "pinhole.example", "--status-host", "other.example")
    for host in ("127.0.0.1", "10.9.8.7:1", "[::1]:9180", "localhost:9180", "LOCALHOST", "pinhole.example",
                 "Pinhole.Example.:9180", "other.example"):
        assert fetch(pinhole, "/api/v1/health", host=host).code == 200, host


def test_two_hosts_are_refused(start):
    pinhole = start()
    answer = ask_raw(pinhole, b"GET /rules HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.code in (400, 403)
    answer = ask_raw(pinhole, b"GET /rules HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.code in (0, 400, 403), "HTTP/1.1 has a Host header"
    answer = ask_raw(pinhole, b"GET /rules HTTP/1.0\r\n\r\n")
    assert answer.code in (0, 400, 403)


@pytest.mark.quick
def test_token(start, token_file):
    pinhole = start(("secret.example.com",), "--status-token-file", token_file)
    good = [["--header", f"Authorization: Bearer {TOKEN}"], ["--header", f"authorization: bearer   {TOKEN}"],
            ["--user", f"anybody:{TOKEN}"], ["--user", f":{TOKEN}"]]
    bad = [[], ["--header", "Authorization: Bearer "], ["--header", f"Authorization: Bearer {TOKEN}x"],
           ["--header", f"Authorization: Bearer {TOKEN[:-1]}"], ["--header", f"Authorization: Bearer x{TOKEN[1:]}"],
           ["--header", f"Authorization: {TOKEN}"], ["--user", f"{TOKEN}:"], ["--user", "anybody:wrong"],
           ["--header", "Authorization: Basic !!!"], ["--header", "Authorization: Basic"]]
    asset = next(word for word in fetch(pinhole, "/", *good[0]).body.split('"') if word.startswith("/assets/"))
    for path in ("/", "/rules", "/api/v1/rules", "/metrics", asset):
        for arguments in good:
            assert fetch(pinhole, path, *arguments).code == 200, (path, arguments)
        for arguments in bad:
            answer = fetch(pinhole, path, *arguments)
            assert answer.code == 401 and "secret" not in answer.body, (path, arguments)
            asked = [value for key, value in answer.headers if key == "WWW-Authenticate"]
            assert sorted(value.split()[0] for value in asked) == ["Basic", "Bearer"]
    pinhole.stop()
    assert TOKEN not in pinhole.log.text()


@pytest.mark.parametrize("content", [None, "", "short\n", "0123456789 abcdef 0123\n", "x" * 600])
def test_what_is_no_token_ends_the_start(make_policy, tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    done = run([PINHOLE, "serve", "--db", make_policy().path, "--dns-listen", "127.0.0.1:0", "--tls-listen",
                "127.0.0.1:0=443", "--upstream-dns", "127.0.0.1:9", "--status-listen", "127.0.0.1:0",
                "--status-token-file", path])
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr


def test_headers_of_every_answer(start):
    pinhole = start()
    asset = next(word for word in fetch(pinhole, "/").body.split('"') if word.startswith("/assets/"))
    for path in (*HTML, *TABLES, "/metrics", "/healthz", "/readyz", "/nothing", "/rules?sort=x", asset):
        answer = fetch(pinhole, path)
        for name, value in EVERY_HEADER.items():
            assert answer.header(name) == value, (path, name)
        assert answer.header("Cache-Control") == ("private, max-age=31536000, immutable" if path == asset
                                                  else "no-store")
        assert not any(key.lower().startswith("access-control") for key, _ in answer.headers)


@pytest.mark.quick
def test_limits_of_a_request(start):
    pinhole = start()
    assert fetch(pinhole, "/rules?x=" + "a" * 2000).code == 200
    assert fetch(pinhole, "/rules?x=" + "a" * 3000).code == 400
    assert fetch(pinhole, "/rules?x=" + "a" * 5000).code == 414
    assert fetch(pinhole, "/rules?x=" + "a" * 100000).code in (0, 414, 431)
    assert fetch(pinhole, "/rules", "--header", "X: " + "a" * 100000).code in (0, 413, 431)
    assert fetch(pinhole, "/rules", *(word for i in range(2000) for word in ("--header", f"X{i}: aaaaaaaa"))).code in (
        0, 413, 431)
    assert fetch(pinhole, "/rules", "--request", "GET", "--data", "a body").code == 413
    answer = ask_raw(pinhole, b"GET /rules HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
    assert answer.code == 413
    assert ask_raw(pinhole, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n").code in (0, 400)
    assert fetch(pinhole, "/rules").code == 200


@pytest.mark.quick
def test_connections_that_say_nothing(start):
    """Many at once: some are turned away, the others are served, and DNS goes on."""
    pinhole = start()
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(pinhole.status, Deadline(20).left()))
                       for _ in range(80)]
        served = 0
        for connection in connections:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(request)
                served += connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert 16 <= served <= 32
        assert is_allowed(pinhole.dns, "api.example.com")
    eventually(lambda: fetch(pinhole, "/healthz").code == 200, 10, "a place is free again")


@pytest.mark.parametrize("query", ["q=%zz", "q=%00", "q=%ff", "q=a&q=b", "sort=nonsense", "sort=age", "state=great",
                                   "from=-1", "from=x", "q=" + "a" * 200])
def test_arguments_that_cannot_be_read(start, query):
    pinhole = start()
    assert fetch(pinhole, "/rules?" + query).code == 400
    answer = fetch(pinhole, "/api/v1/rules?" + query)
    assert answer.code == 400 and set(answer.json()) == {"error"}


def test_nothing_is_found_elsewhere(start):
    pinhole = start()
    for path in ("/nothing", "/rules/", "//", "/api/v1/", "/api/v2/rules", "/assets/", "/../etc/passwd", "/%2e%2e/x",
                 "/assets/../rules", "/metrics/"):
        assert fetch(pinhole, path).code == 404, path


@pytest.mark.quick
def test_health(start):
    pinhole = start(("api.example.com", "https://github.com/some/thing/"))
    health = eventually(lambda: (found := fetch_json(pinhole, "/api/v1/health"))["rules"]["by_state"]["refused"]
                        and found, 10, "rules are judged")
    assert set(health) == {"ready", "not_ready", "version", "now", "started", "policy", "rules", "listeners",
                           "dns_servers", "database", "process"}
    assert health["ready"] is True and health["not_ready"] is None
    assert health["rules"] == {"total": 2, "by_state": {"invalid": 0, "refused": 1, "widened": 0, "shadowed": 0,
                                                        "expired": 0, "disabled": 0, "active": 1, "unjudged": 0}}
    assert [listener["kind"] for listener in health["listeners"]] == ["dns", "tls", "status"]
    assert health["listeners"][2]["address"] == "{}:{}".format(*pinhole.status)
    assert health["database"]["writable"] is True and health["database"]["fault"] is None
    assert 0 <= health["now"] - health["started"] < 60
    version = health["policy"]["version"]
    page = fetch(pinhole, "/").body
    assert "1 rule is refused" in page and 'href="/rules?state=refused"' in page
    assert version >= 1


def test_edit_shows_in_health(start, make_policy):
    policy = make_policy(["api.example.com"])
    pinhole = start(policy=policy)
    before = fetch_json(pinhole, "/api/v1/health")["policy"]["version"]
    policy.sql("INSERT INTO rule (target) VALUES ('more.example.com');")
    eventually(lambda: fetch_json(pinhole, "/api/v1/health")["policy"]["version"] > before, 10, "another version")


RULE_KEYS = {"id", "target", "action", "clients", "comment", "state", "hostname", "reason", "verify", "strength",
             "pins", "hits", "last_used", "live_connections", "certificate_days", "expires_at"}


def test_rules_in_pages(start, make_policy):
    policy = make_policy([f"name-{number}.example.com" for number in range(250)])
    pinhole = start(policy=policy)
    found, start_at, pages = [], 0, 0
    while start_at is not None:
        answer = fetch_json(pinhole, f"/api/v1/rules?from={start_at}")
        assert len(answer["rules"]) <= 100
        found += answer["rules"]
        start_at, pages = answer["next"], pages + 1
    assert pages == 3
    assert [rule["target"] for rule in found] == [f"name-{number}.example.com" for number in range(250)]
    assert all(set(rule) == RULE_KEYS for rule in found)
    assert 'rel="next"' in fetch(pinhole, "/rules").body
    assert 'rel="next"' not in fetch(pinhole, f"/rules?from={found[-2]['id']}").body


def test_rules_say_how_strong_they_are(start, make_policy):
    policy = make_policy(["chain.example.com", "pinned.example.com"])
    policy.sql("UPDATE rule SET verify = 'chain';"
               "INSERT INTO rule (target, action, verify) VALUES ('none.example.com', 'allow', 'none'),"
               "('denied.example.com', 'deny', 'chain');"
               "INSERT INTO pin (rule_id, spki_sha256, mode, expires_at) SELECT id, printf('%.42cA=', letter), mode, at"
               " FROM rule, (SELECT 'a' AS letter, 'enforce' AS mode, NULL AS at UNION SELECT 'b', 'enforce', 4000000000"
               " UNION SELECT 'c', 'enforce', 1000000000 UNION SELECT 'd', 'report', NULL)"
               " WHERE target = 'pinned.example.com';")
    rules = {rule["target"].split(".")[0]: rule for rule in fetch_json(start(policy=policy), "/api/v1/rules")["rules"]}
    assert {name: (rule["verify"], rule["strength"], rule["pins"]) for name, rule in rules.items()} == {
        "chain": ("chain", "chain", 0), "pinned": ("chain", "chain with 2 pins", 2), "none": ("none", "none", 0),
        "denied": ("chain", None, 0)}


def test_rules_are_searched(start, make_policy):
    policy = make_policy(["one.example.com", "two.example.com"])
    policy.sql("INSERT INTO client_group (name) VALUES ('build');"
               "INSERT INTO rule (target, clients, comment) VALUES ('three.example.com', 'build', '100% of 5_ths'),"
               "('https://github.com/some/thing/', 'any', 'No Path');")
    pinhole = start(policy=policy)

    def targets(query):
        return [rule["target"] for rule in fetch_json(pinhole, "/api/v1/rules?" + query)["rules"]]

    assert targets("q=TWO") == ["two.example.com"]
    assert targets("q=build") == ["three.example.com"]
    assert targets("q=%25") == ["three.example.com"], "no wildcard"
    assert targets("q=5_") == ["three.example.com"]
    assert targets("q=no+path") == ["https://github.com/some/thing/"]
    assert targets("q=%27") == []
    eventually(lambda: targets("state=refused") == ["https://github.com/some/thing/"], 10, "its state")
    assert "https://github.com/some/thing/" in fetch(pinhole, "/rules?state=refused&q=git").body
    assert "one.example.com" not in fetch(pinhole, "/rules?state=refused").body


MARKUP = """<script>alert(1)</script>" onload='x' & </td>"""


@pytest.mark.quick
def test_markup_in_a_rule_is_text(start, make_policy):
    policy = make_policy()
    policy.sql(f"INSERT INTO rule (target, comment) VALUES ('api.example.com', {quote(MARKUP)});")
    pinhole = start(policy=policy)
    for path in ("/", "/rules", "/rules?q=%3Cscript%3E"):
        body = fetch(pinhole, path).body
        assert "<script>alert" not in body and "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39;" in body
    assert fetch_json(pinhole, "/api/v1/rules")["rules"][0]["comment"] == MARKUP
    body = fetch(pinhole, "/rules?q=%22%3E%3Cscript%3Ealert(1)").body
    assert "<script>alert" not in body and 'value="&quot;&gt;&lt;script&gt;alert(1)"' in body


def denied(pinhole, query=""):
    return fetch_json(pinhole, "/api/v1/denied?" + query)["denied"]


@pytest.mark.quick
def test_denied_name_and_the_sql_that_allows_it(start, make_policy):
    policy = make_policy()
    pinhole = start(policy=policy)
    assert dig(pinhole.dns, "new.example.org").status == "NXDOMAIN"
    row = eventually(lambda: denied(pinhole), 15, "the denied name")[0]
    assert set(row) == {"target", "client_group", "count", "reason", "sentence", "first_seen", "last_seen", "sql"}
    assert (row["target"], row["client_group"], row["count"], row["reason"]) == ("new.example.org", "any", 1, "no_rule")
    policy.sql(row["sql"])
    eventually(lambda: is_allowed(pinhole.dns, "new.example.org"), 10, "what the SQL promises")


def test_denied_names_are_sorted_and_searched(start, make_policy):
    policy = make_policy()
    policy.sql("INSERT INTO denied_name VALUES ('a.example', 'any', 5, 'no_rule', 100, 900),"
               "('b.example:8443', 'any', 9, 'other_port', 300, 700), ('c.example', 'any', 1, 'deny_rule', 200, 800);")
    pinhole = start(policy=policy)

    def order(query):
        return [row["target"][0] for row in denied(pinhole, query)]

    assert order("") == order("sort=last") == ["a", "c", "b"]
    assert order("sort=count") == ["b", "a", "c"]
    assert order("sort=first") == ["b", "c", "a"]
    assert order("sort=name") == ["a", "b", "c"]
    assert order("q=PORT") == ["b"]
    assert denied(pinhole, "q=c.ex")[0]["sql"] is None, "an allow would not help against a deny"
    page = fetch(pinhole, "/denied?sort=count").body
    assert 'aria-sort="descending"><a href="/denied?sort=count">Times' in page


@pytest.mark.quick
def test_metrics_are_well_formed(start):
    pinhole = start()
    for name, status in (("api.example.com", "NOERROR"), ("other.example.org", "NXDOMAIN")):
        assert dig(pinhole.dns, name).status == status
    answer = fetch(pinhole, "/metrics")
    assert answer.code == 200
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    metrics = read_metrics(answer.body)
    assert all(name.startswith(("pinhole_", "process_")) for name in metrics)
    assert metrics["pinhole_ready"] == {(): 1}
    assert metrics["pinhole_dns_queries_total"][(("transport", "udp"),)] == 2
    assert metrics["pinhole_dns_answers_total"][(("result", "denied"),)] == 1
    if shutil.which("promtool"):
        assert run(["promtool", "check", "metrics"], input=answer.body).returncode == 0


@pytest.mark.quick
def test_many_ask_at_once(start):
    pinhole = start()
    answers = []

    def ask():
        answers.append([fetch(pinhole, path).code for path in ("/", "/metrics", "/rules", "/healthz")])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[200] * 4] * 12


@pytest.mark.quick
def test_client_that_leaves_harms_nobody(start, make_policy):
    pinhole = start(policy=make_policy([f"n{number}.example.com" for number in range(2000)]))
    for _ in range(50):
        with socket.create_connection(pinhole.status, Deadline(20).left()) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    eventually(lambda: fetch(pinhole, "/").code == 200, 10, "those who left take no place any more")


@pytest.mark.quick
def test_signal_while_somebody_waits(start, make_policy):
    """Whoever asks in the very moment of the end gets an answer or none, and the process ends well."""
    pinhole = start(policy=make_policy([f"n{number}.example.com" for number in range(2000)]))
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            connection = stack.enter_context(socket.create_connection(pinhole.status, Deadline(20).left()))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        pinhole.stop()


def test_switched_off(launch, make_policy):
    pinhole = launch(make_policy(), status="none")
    assert pinhole.status is None and "status" not in pinhole.ready_line


def test_port_in_use(make_policy):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = "127.0.0.1:{}".format(other.getsockname()[1])
        done = run([PINHOLE, "serve", "--db", make_policy().path, "--dns-listen", "127.0.0.1:0", "--tls-listen",
                    "127.0.0.1:0=443", "--upstream-dns", "127.0.0.1:9", "--status-listen", address])
    assert done.returncode == 1 and address in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.quick
def test_successor_takes_the_page_over(launch, make_policy):
    policy = make_policy(["api.example.com"])
    policy.sql(set_setting("hello_seconds", "600"))
    before = launch(policy, status="127.0.0.1:0", drain=3600)
    endpoints = {"dns": [f"127.0.0.1:{before.dns[1]}"], "tls": [f"127.0.0.1:{before.gate[1]}"],
                 "status": f"127.0.0.1:{before.status[1]}"}
    with before.connect():
        after = launch(policy, arguments=["--take-over"], **endpoints)
        before.log.wait(event="handed_over")
        for _ in range(30):
            assert fetch(after, "/readyz").code == 200, "the one before, which drains, answers no more"
    before.wait()
    assert fetch_json(after, "/api/v1/health")["process"]["workers"] == 2


@pytest.mark.quick
def test_file_that_is_gone_is_said(start, make_policy):
    policy = make_policy(["api.example.com"])
    pinhole = start(policy=policy)
    assert fetch(pinhole, "/").code == 200
    pinhole.log.wait(event="started")
    policy.path.rename(policy.path.with_name("elsewhere.db"))
    health = eventually(lambda: (found := fetch_json(pinhole, "/api/v1/health"))["database"]["fault"] and found, 10,
                        "the fault")
    assert "policy.db" in health["database"]["fault"]
    answer = fetch(pinhole, "/api/v1/rules")
    assert answer.code == 503 and "policy.db" in answer.json()["error"]
    page = fetch(pinhole, "/").body
    assert "The policy file has trouble" in page and "Not to be had at the moment" in page
    assert is_allowed(pinhole.dns, "api.example.com")
