"""URLs as targets: what the sqlite3 shell says to each mistake, and what `pinhole check` says became of the rest."""
import json

import pytest

from support.dns_client import dig, is_allowed
from support.hello import hello_for, records, send_all_then_read
from support.policy import deny, insert, quote
from support.process import PINHOLE, eventually, run

pytestmark = pytest.mark.quick

MISTAKES = [
    ("https://storage.googleapis.com//my-bucket/", "two slashes behind its host"),
    ("https://storage.googleapis.com/a/../b/", "dot segment"),
    ("https://storage.googleapis.com/a/%2E%2e/b", "dot segment"),
    ("https://storage.googleapis.com/my%2", "two hexadecimal digits"),
    ("https://storage.googleapis.com/my%zzb", "two hexadecimal digits"),
    ("https://storage.googleapis.com/b/?prefix=x", "a query or a fragment"),
    ("https://storage.googleapis.com/b#", "a query or a fragment"),
    ("https://storage.googleapis.com/b\\c", "a backslash"),
    ("https://me@storage.googleapis.com/b/", "a user name"),
    ("https://*.storage.googleapis.com/b/", "a * in its host"),
    ("*.storage.googleapis.com/b/", "a * in its host"),
    ("https://a_b.example.com/", "an underscore in its host"),
    ("https:/storage.googleapis.com/b/", "https: without two slashes"),
    ("ftp://storage.googleapis.com/b/", "a scheme other than https"),
    ("http://storage.googleapis.com/b/", "plain http://"),
    ("//storage.googleapis.com/b/", "no host"),
    ("https://storage.googleapis.com:99999/b/", "a bad port"),
    ("https://192.0.2.1/b/", "an IP address"),
]


@pytest.fixture
def policy(make_policy):
    return make_policy()


def check(policy):
    done = run([PINHOLE, "check", "--db", policy.path, "--json"])
    return done.returncode, {rule["target"]: rule for rule in json.loads(done.stdout)["rules"]}


@pytest.mark.parametrize("action", ["allow", "deny"])
@pytest.mark.parametrize("target, sentence", MISTAKES)
def test_shell_explains_a_mistake(policy, target, sentence, action):
    done = policy.shell(insert(target, action=action))
    assert done.returncode != 0
    assert sentence in done.stderr
    changed = policy.shell(insert("a.example.com") + f"UPDATE rule SET target = {quote(target)};")
    assert sentence in changed.stderr


@pytest.mark.parametrize("statement, sentence", [
    (insert("a.example.com", widen=2), "widen is a switch"),
    (insert("a.example.com") + "UPDATE rule SET widen = -1;", "widen is a switch"),
    ("INSERT INTO provider (name) VALUES ('x');", "a provider needs a host"),
    ("INSERT INTO provider (name, path_style) VALUES ('x', 's3.example.com/{bucket}/');", "path_style can't be read"),
    ("INSERT INTO provider (name, path_style) VALUES ('x', 'https://s3.example.com/v1/{bucket}/');",
     "path_style can't be read"),
    ("INSERT INTO provider (name, path_style) VALUES ('x', 'https://s3.example.com/{bucket}/');",
     "virtual_host is NULL"),
    ("INSERT INTO provider (name, virtual_host) VALUES ('x', 's3.example.com');", "virtual_host can't be read"),
    ("UPDATE provider SET bucket_dots = 'maybe';", "bucket_dots is not known"),
    ("UPDATE provider SET bucket_capitals = 'allowed';", "bucket_underscores or bucket_capitals is not known"),
    ("UPDATE provider SET bare_host = 'no';", "bare_host is not known"),
])
def test_shell_explains_other_columns(policy, statement, sentence):
    done = policy.shell(statement)
    assert done.returncode != 0
    assert sentence in done.stderr


OUTCOMES = [
    ("https://storage.googleapis.com/my-bucket/", 0, "active", "my-bucket.storage.googleapis.com",
     "Google's own clients"),
    ("s3.eu-west-1.amazonaws.com/my-bucket", 0, "active", "my-bucket.s3.eu-west-1.amazonaws.com", ""),
    ("https://s3.eu-west-2.amazonaws.com/my-bucket/logs/", 0, "refused", "", "UPDATE rule SET widen = 1 WHERE id = {id};"),
    ("https://s3.eu-west-3.amazonaws.com/my-bucket/logs/", 1, "widened", "my-bucket.s3.eu-west-3.amazonaws.com",
     "Allows more than was typed: my-bucket.s3.eu-west-3.amazonaws.com stands for all objects in the bucket my-bucket"),
    ("https://httpbin.org/ip", 1, "refused", "", "UPDATE rule SET target = 'httpbin.org' WHERE id = {id};"),
    ("https://acct.blob.core.windows.net/c/", 1, "refused", "",
     "UPDATE rule SET target = 'acct.blob.core.windows.net' WHERE id = {id};"),
    ("https://storage.googleapis.com/www.example.com/", 1, "refused", "", "wildcard certificate covers one label only"),
    ("https://storage.googleapis.com/storage/v1/b/my-bucket", 1, "refused", "", "use the XML API"),
    ("https://s3.mars-1.amazonaws.com/my-bucket/", 1, "refused", "", '"mars-1" is no region of Amazon S3'),
    ("https://storage.googleapis.com:8443/b-b/", 1, "refused", "", "port 443 alone"),
    ("https://storage.googleapis.com/MyBucket/", 1, "invalid", "", "it has a capital letter"),
    ("https://s3.eu-west-1.amazonaws.com/aa/", 1, "invalid", "", "it is too short"),
]


def test_check_says_what_became_of_each(policy):
    policy.sql("".join(insert(target, widen=widen) for target, widen, *_ in OUTCOMES))
    status, rules = check(policy)
    assert status == 1
    for target, _, state, hostname, sentence in OUTCOMES:
        rule = rules[target]
        assert (rule["state"], rule["hostname"]) == (state, hostname), rule["reason"]
        assert sentence.format(id=rule["rule"]) in rule["reason"]
    rows = policy.rows("SELECT target, state, hostname, reason FROM rule_status JOIN rule ON id = rule_id;")
    for row in rows:
        assert (row["state"], row["hostname"], row["reason"]) == tuple(
            rules[row["target"]][key] for key in ("state", "hostname", "reason"))


LONG_DOMAIN = ".".join(["a" * 60] * 3) + ".example.com"
BUCKETS = [  # what is typed, what it becomes, and why
    ("https://storage.googleapis.com/my+bucket/", "invalid", "it has a character that no bucket's name has."),
    ("https://storage.googleapis.com/MyBucket/", "invalid", "it has a capital letter."),
    ("https://s3.eu-west-1.amazonaws.com/my_bucket/", "invalid", "it has an underscore."),
    ("https://s3.eu-west-1.amazonaws.com/xn--bucket/", "invalid", "names like it are reserved."),
    ("https://s3.eu-west-1.backblazeb2.com/a/", "refused", '"eu-west-1" is no region of Backblaze B2'),
    ("https://s3.us-west-001.backblazeb2.com/my.bucket/", "invalid", "it has a dot."),
    ("https://storage.googleapis.com/-bucket/", "invalid", "does not begin and end with a letter or digit."),
    ("https://storage.googleapis.com/192.0.2.1/", "invalid", "it is an IP address."),
    ("https://storage.googleapis.com/aa/", "invalid", "it is too short."),
    ("https://s3.eu-west-1.amazonaws.com/" + "a" * 64, "invalid", "it is too long."),
    ("https://cos.ap-beijing.myqcloud.com/my-bucket/", "invalid", "it lacks what each name of theirs has."),
    ("https://s3.eu-west-1.amazonaws.com/name--x-s3/", "refused", "another kind of storage, with hosts of its own"),
    ("https://storage.googleapis.com/a.example.com/", "refused", "wildcard certificate covers one label only"),
    ("https://storage.googleapis.com/my_bucket/", "refused", "use a bucket without underscores."),
    ("https://s3.amazonaws.com/MyBucket/", "refused", "use a bucket in small letters."),
    ("https://" + "0" * 32 + ".r2.cloudflarestorage.com/" + "a" * 64, "refused", "the 63 characters of a label"),
    (f"https://{LONG_DOMAIN}/" + "b" * 60, "refused", "host name would be longer than 253 characters."),
    ("https://storage.googleapis.com/storage/v1/b/x/o", "refused", "The path storage/v1 is no bucket but an interface"),
    ("https://ab.blob.core.windows.net/", "invalid", "is no host of Azure Storage, blob, other names that can be allowed."),
    ("https://b.s3-website.eu-west-1.amazonaws.com/", "refused", "speak plain http:// only"),
    ("https://acct.blob.core.windows.net/c/", "refused", "(Azure Storage, blob) has no host name for this path."),
    ("https://httpbin.org/ip", "refused", "To allow the whole host, that is everything on that host, type: UPDATE rule"),
    ("https://s3.eu-west-1.amazonaws.com:8443/my-bucket/", "refused", "serves on port 443 alone"),
]


def test_check_says_why_a_path_has_no_host(policy):
    policy.sql(f"INSERT INTO provider (name, path_style, virtual_host) VALUES ('long', 'https://{LONG_DOMAIN}/{{bucket}}/',"
               f" '{{bucket}}.{LONG_DOMAIN}');" + "".join(insert(target, widen=1) for target, *_ in BUCKETS))
    _, rules = check(policy)
    for target, state, sentence in BUCKETS:
        assert (rules[target]["state"], rules[target]["hostname"]) == (state, ""), rules[target]["reason"]
        assert sentence in rules[target]["reason"]


PAST_ALL_GUARDS = [  # rows of a file that was made elsewhere
    ("https://a.example.com/b?c", "holds a query or a fragment"),
    ("https://a.example.com/b\\c", "holds a backslash"),
    ("https://a.example.com/b c", "a space or a control character"),
    ("https://a.example.com/b^c", "a character that no URL does"),
    ("https://a.example.com//b", "begins with an empty segment"),
    ("https://a.example.com/%2", "not followed by two hexadecimal"),
    ("https://a.example.com/../b", "holds a dot segment"),
    ("http://a.example.com/b", "Plain http:// has no server name"),
    ("ftp://a.example.com/b", "no https:// at its start, but something like it"),
    ("/b", "has no host; type one"),
    ("*.example.com/b", "A URL names one host"),
    ("a_b.example.com/b", "The host in a URL has no underscore"),
    ("", "The target is empty"),
    ("b\u00fccher.example", "The target is not ASCII"),
    ("a b.example.com", "a space or a control character"),
    ("me@a.example.com", "holds a user name"),
    ("a.example.com?b", "holds a query or a fragment"),
    ("a.example.com\\b", "The target holds a path"),
    ("a.example.com:0", "not a number from 1 to 65535"),
    ("a.example.com:http", "not a number from 1 to 65535"),
    (":443", "has no host; type one"),
    (".".join(["a" * 60] * 5), "longer than 253 characters"),
    ("a" * 64 + ".example.com", "longer than 63 characters"),
    ("a..example.com", "has an empty label"),
    ("a*.example.com", "a character other than letters, digits, hyphens and dots"),
    ("-a.example.com", "begins or ends with a hyphen"),
    ("192.0.2.1", "is an IP address"),
]


def test_check_explains_what_no_guard_kept_out(policy):
    triggers = policy.rows("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'rule';")
    policy.sql("".join(f"DROP TRIGGER {row['name']};" for row in triggers) + "PRAGMA ignore_check_constraints = 1;"
               + "".join(insert(target) for target, _ in PAST_ALL_GUARDS) + insert("good.example.com")
               + "INSERT INTO rule (id, target) VALUES (0, 'zero.example.com');"
               + "INSERT INTO rule (target) VALUES ('nul.example.com' || char(0) || 'x');"
               + insert("lost.example.com", clients="lost") + insert(deny("denied.example.com"), clients="lost"))
    assert check(policy)[0] == 1
    rows = policy.rows("SELECT target, state, reason FROM rule_status JOIN rule ON id = rule_id;")
    reasons = {row["target"]: (row["state"], row["reason"]) for row in rows}
    others = [("zero.example.com", "The rule's id is 0"), ("lost.example.com", "There is no group 'lost'")]
    for target, sentence in PAST_ALL_GUARDS + others:
        assert reasons[target][0] == "invalid", target
        assert sentence in reasons[target][1], target
    assert reasons["good.example.com"] == ("active", "")
    assert reasons["denied.example.com"][0] == "widened"
    assert "Denies for every client. There is no group 'lost'" in reasons["denied.example.com"][1]
    assert any("contains a NUL character" in reason for _, reason in reasons.values())


def test_the_statement_of_a_refusal_works(policy):
    policy.sql(insert("https://t3.storage.dev/my-bucket/x"))
    reason = check(policy)[1]["https://t3.storage.dev/my-bucket/x"]["reason"]
    policy.sql(reason[reason.index("UPDATE "):])
    assert check(policy)[1]["https://t3.storage.dev/my-bucket/x"]["state"] == "widened"


def test_denies_fail_closed(policy, launch):
    policy.sql("".join(map(insert, ["storage.googleapis.com", "**.storage.googleapis.com", "**.example.com", "example.com",
                                    "t3.storage.dev", "**.t3.storage.dev"]))
               + insert(deny("https://storage.googleapis.com/my-bucket/secret"))
               + insert(deny("https://example.com/a/b")) + insert(deny("https://t3.storage.dev/Not-A-Bucket/")))
    pinhole = launch(policy)
    assert not is_allowed(pinhole.dns, "my-bucket.storage.googleapis.com")
    assert is_allowed(pinhole.dns, "other.storage.googleapis.com")
    assert is_allowed(pinhole.dns, "storage.googleapis.com")
    for name in ("example.com", "a.example.com", "b.a.example.com", "t3.storage.dev", "any.t3.storage.dev"):
        assert not is_allowed(pinhole.dns, name)
    _, rules = check(policy)
    assert rules["https://example.com/a/b"]["state"] == "widened"
    assert rules["https://example.com/a/b"]["hostname"] == "example.com, **.example.com"
    assert ("Denies more than was typed: example.com and every host below it. example.com has no host name for a path"
            in rules["https://example.com/a/b"]["reason"])
    policy.sql("DELETE FROM rule WHERE target = 'https://example.com/a/b';")
    eventually(lambda: is_allowed(pinhole.dns, "example.com") and is_allowed(pinhole.dns, "b.a.example.com"), 5,
               "both patterns of the deny are gone")


def test_denied_endpoint_says_how_its_buckets_are_reached(policy, launch):
    """The same sentence in dig, in explain and in the log of the gate; and none such before there is a bucket."""
    pinhole = launch(policy)
    assert dig(pinhole.dns, "storage.googleapis.com").status == "NXDOMAIN"
    policy.sql(insert("https://storage.googleapis.com/my-bucket/"))
    eventually(lambda: is_allowed(pinhole.dns, "my-bucket.storage.googleapis.com"), 5, "the bucket")
    sentence = "Denied: storage.googleapis.com serves every bucket; allowed here: BUCKET.storage.googleapis.com."
    dug = dig(pinhole.dns, "storage.googleapis.com")
    assert (dug.status, dug.answer, dug.ede) == ("NOERROR", [], (15, sentence))
    explained = run([PINHOLE, "explain", "--db", policy.path, "storage.googleapis.com"])
    assert explained.stdout.count(sentence) == 3, "the gate and both address families"
    send_all_then_read(pinhole.gate, records(hello_for(b"storage.googleapis.com")))
    line, = pinhole.log.wait(event="connection", name="storage.googleapis.com")
    assert (line["reason"], line["sentence"]) == ("parent", sentence)
    assert "serves every bucket" not in dig(pinhole.dns, "googleapis.com").text


def test_a_row_of_your_own_is_in_force_at_once(policy, launch):
    policy.sql(insert("https://s3.example.com/my-bucket/"))
    pinhole = launch(policy)
    assert not is_allowed(pinhole.dns, "my-bucket.s3.example.com")
    policy.sql("INSERT INTO provider (name, path_style, virtual_host)"
               " VALUES ('our store', 'https://s3.example.com/{bucket}/', '{bucket}.s3.example.com');")
    eventually(lambda: is_allowed(pinhole.dns, "my-bucket.s3.example.com"), 5, "the new row is in force")
    eventually(lambda: policy.rows("SELECT state FROM rule_status;") == [{"state": "active"}], 5, "its status")
    policy.sql("DELETE FROM provider WHERE name = 'our store';")
    eventually(lambda: not is_allowed(pinhole.dns, "my-bucket.s3.example.com"), 5, "the row is gone")


def test_odd_rows_harm_no_other(policy):
    """Past all guards: rows that can't be read are left out."""
    triggers = policy.rows("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'provider';")
    odd = ["x", "https://", "https://{", "https://{a}.{b}/", "https://{bucket}/", "https://a..b/{bucket}/",
           "https://" + "a." * 300 + "com/{bucket}/", "https://ü.example.com/{bucket}/"]
    policy.sql("".join(f"DROP TRIGGER {row['name']};" for row in triggers) + "PRAGMA ignore_check_constraints = 1;"
               + "".join(f"INSERT INTO provider (name, path_style, virtual_host) VALUES ('odd {i}', {quote(style)}, {quote(host)});"
                         for i, style in enumerate(odd) for host in ["{bucket}.com"])
               + "INSERT INTO provider (name, path_style, virtual_host, bucket_max) VALUES"
                 " ('huge', 'https://huge.example.com/{bucket}/', '{bucket}.huge.example.com', -5);"
               + insert("https://t3.storage.dev/my-bucket/") + insert("https://huge.example.com/my-bucket/"))
    _, rules = check(policy)
    assert rules["https://t3.storage.dev/my-bucket/"]["state"] == "active"
    assert rules["https://huge.example.com/my-bucket/"]["state"] == "refused"


@pytest.mark.parametrize("row, name", [
    ("'dots', 'https://a..b/{bucket}/', '{bucket}.a..b', ''", "dots"),
    ("'capitals', 'https://S3.example.com/{bucket}/', '{bucket}.S3.example.com', ''", "capitals"),
    ("'owner', 'https://s3.{a}.example.com/{bucket}/', '{bucket}.{b}.example.com', ''", "owner"),
    ("hex(zeroblob(1000000)), 'https://s3.example.com/', NULL, ''", "(a name that is too long)"),
    ("' large', 'https://s3.example.com/', NULL, hex(zeroblob(1000000))", " large"),
])
def test_catalogue_row_that_cannot_be_read_is_named(policy, launch, row, name):
    """Typed into the shell; all rows behind it, in the order of their names, hold."""
    policy.sql(f"INSERT INTO provider (name, path_style, virtual_host, placeholders) VALUES ({row});"
               + insert("https://t3.storage.dev/my-bucket/"))
    done = run([PINHOLE, "check", "--db", policy.path])
    assert (done.returncode, done.stderr) == (0, f"the provider {name} can't be read, so it is left out\n")
    pinhole = launch(policy)
    assert is_allowed(pinhole.dns, "my-bucket.t3.storage.dev")
    assert pinhole.log.wait(event="provider_unreadable")[0]["provider"] == name


@pytest.mark.parametrize("target, outcome, hostname", [
    ("https://storage.googleapis.com/my-bucket/x", "widened", "my-bucket.storage.googleapis.com"),
    ("storage.googleapis.com/my-bucket", "exact", "my-bucket.storage.googleapis.com"),
    ("https://httpbin.org/ip", "refused", None),
    ("https://storage.googleapis.com/B/", "invalid", None),
])
def test_explain_of_a_url(policy, target, outcome, hostname):
    policy.sql(insert("my-bucket.storage.googleapis.com"))
    done = run([PINHOLE, "explain", "--db", policy.path, "--json", target])
    told = json.loads(done.stdout)
    assert (told["url"]["outcome"], told["url"]["hostname"]) == (outcome, hostname)
    assert (told["decision"] == "allow") == (hostname is not None)
    text = run([PINHOLE, "explain", "--db", policy.path, target]).stdout
    assert told["url"]["reason"] in text
    if hostname:
        assert told["name"] == hostname
        assert "gsutil" in told["url"]["clients"] and told["url"]["clients"] in text
        assert "Host header" in told["url"]["strength"] and told["url"]["strength"] in text
