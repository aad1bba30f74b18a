"""Pinhole in front of servers with every kind of certificate: what the tests of certificates and of checks share."""
from support.authorities import IN_SOME_DAYS, IN_SOME_WEEKS, LONG_AGO, SOME_DAYS_AGO, Authorities
from support.hello import ACCESS_DENIED
from support.tls import GREETING, bytes_through, greeting_through

NAME = "api.example.com"
SERVER, OTHER_SERVER = "127.0.0.2", "127.0.0.4"


class World:
    """One root that Pinhole trusts and another that it does not, each with certificates below it."""

    def __init__(self, directory):
        self.maker = Authorities(directory)
        self.root, self.stranger = self.maker.root(), self.maker.root("Stranger")
        self.intermediate = self.maker.intermediate(self.root)
        self.right = self.maker.server(self.intermediate)
        self.rsa = self.maker.server(self.intermediate, key="rsa")
        self.untrusted = self.maker.server(self.stranger)
        self.wrong_name = self.maker.server(self.root, names=["*.example.net"])
        self.expired = self.maker.server(self.root, dates=(LONG_AGO, SOME_DAYS_AGO))
        self.not_yet = self.maker.server(self.root, dates=(IN_SOME_DAYS, IN_SOME_WEEKS))
        self.self_signed = self.maker.server(None)
        self.client = self.maker.client(self.root)


def assert_refused(pinhole, reason, alert=ACCESS_DENIED, context=None, name=NAME):
    """One alert and nothing else reached the client; the log says why."""
    mark = pinhole.log.mark()
    ending = bytes_through(pinhole.gate, name, context)
    assert ending.alert == alert, ending
    return pinhole.log.wait(since=mark, event="connection", reason=reason)[0]


def assert_passes(pinhole, context=None, proof=None, name=NAME):
    mark = pinhole.log.mark()
    greeting, seen = greeting_through(pinhole.gate, name, context)
    assert greeting == GREETING
    line = pinhole.log.wait(since=mark, event="connection", reason="allowed")[0]
    if proof:
        assert line["proof"] == proof
    return line, seen
