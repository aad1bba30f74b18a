"""Certificates of every kind, right ones and wrong ones, made by openssl with a test authority of the tests' own."""
import base64
import hashlib
import itertools
import pathlib
from dataclasses import dataclass

from support.process import run

KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}
LONG_AGO, SOME_DAYS_AGO, IN_SOME_DAYS, IN_SOME_WEEKS = "20200101000000Z", "-2", "+5", "+30"

CONFIGURATION = """
[ca]
default_ca = this
[this]
database = {index}
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = none
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = {purpose}
subjectAltName = {names}
"""


@dataclass
class Issued:
    """A certificate with its key. `issuer` is None for a root."""
    certificate: pathlib.Path
    key: pathlib.Path
    issuer: "Issued"

    @property
    def pin(self):
        """SHA-256 of the SubjectPublicKeyInfo, base64."""
        public = run(["openssl", "x509", "-in", self.certificate, "-noout", "-pubkey"])
        assert public.returncode == 0, public.stderr
        lines = public.stdout.strip().splitlines()[1:-1]
        return base64.b64encode(hashlib.sha256(base64.b64decode("".join(lines))).digest()).decode()

    def chain(self):
        """This one and its issuers, but for the root, as PEM."""
        below = self.issuer.chain() if self.issuer and self.issuer.issuer else ""
        return self.certificate.read_text() + below


def _moment(text):
    """An openssl time: itself, or days from now."""
    if text[0] not in "+-":
        return text
    done = run(["date", "-u", "-d", f"{int(text)} days", "+%Y%m%d%H%M%SZ"])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Authorities:
    """Makes roots, intermediates and server certificates in `directory`."""

    def __init__(self, directory):
        self.directory, self._numbers = pathlib.Path(directory), itertools.count()

    def _openssl(self, *arguments):
        done = run(["openssl", *arguments])
        assert done.returncode == 0, done.stderr

    def _request(self, subject, key):
        stem = self.directory / f"{next(self._numbers)}"
        self._openssl("req", *KEYS[key], "-nodes", "-keyout", f"{stem}.key", "-out", f"{stem}.csr", "-subj", f"/CN={subject}")
        return stem

    def _sign(self, stem, issuer, section, dates, names="DNS:unused", purpose="serverAuth"):
        index, configuration = self.directory / "index", pathlib.Path(f"{stem}.cnf")
        index.touch()
        configuration.write_text(CONFIGURATION.format(index=index, directory=self.directory, names=names, purpose=purpose))
        by = ["-selfsign", "-keyfile", f"{stem}.key"] if issuer is None else ["-cert", issuer.certificate, "-keyfile", issuer.key]
        self._openssl("ca", "-config", configuration, "-batch", "-notext", *by, "-in", f"{stem}.csr", "-out", f"{stem}.pem",
                      "-extensions", section, "-startdate", _moment(dates[0]), "-enddate", _moment(dates[1]))
        return Issued(pathlib.Path(f"{stem}.pem"), pathlib.Path(f"{stem}.key"), issuer)

    def root(self, subject="Test Root", key="ec"):
        return self._sign(self._request(subject, key), None, "authority", (SOME_DAYS_AGO, IN_SOME_WEEKS))

    def intermediate(self, issuer, subject="Test Intermediate", key="ec"):
        return self._sign(self._request(subject, key), issuer, "authority", (SOME_DAYS_AGO, IN_SOME_WEEKS))

    def server(self, issuer, names=("*.example.com",), key="ec", dates=(SOME_DAYS_AGO, IN_SOME_WEEKS)):
        """`issuer` None: signed by itself."""
        listed = ",".join(f"DNS:{name}" for name in names)
        return self._sign(self._request("a server", key), issuer, "server", dates, listed)

    def client(self, issuer):
        return self._sign(self._request("a client", "ec"), issuer, "server", (SOME_DAYS_AGO, IN_SOME_WEEKS), purpose="clientAuth")
