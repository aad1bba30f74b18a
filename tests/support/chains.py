"""Certificates of a test CA in every state, and servers that show them: all by the real openssl."""
import base64
import hashlib
import re
import subprocess
import time

from support.process import free_port, run, spawn, stop

CONFIG = """[ca]
default_ca = this
[this]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
DAY = 86400


def openssl(*arguments, **options):
    done = run(["openssl", *arguments], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pin_of(certificate):
    """The SPKI pin of a certificate file, by openssl's own hands."""
    key = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = base64.b64decode("".join(key.splitlines()[1:-1]))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


class TestCA:
    """A root, an intermediate below it, and what they issue, as files under `folder`. Each certificate `name` is
    name.pem with its key name.key."""
    __test__ = False

    def __init__(self, folder, subject="Test Root"):
        self.folder = folder
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "ca.cnf").write_text(CONFIG.format(folder=folder))
        self.root = self.issue("root", None, ca=True, subject=subject)
        self.intermediate = self.issue("intermediate", "root", ca=True, subject="Test Intermediate")

    def path(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    def issue(self, name, issuer="intermediate", *, kind="ec", ca=False, subject=None, san=None, days=(-1, 30.5)):
        """Signed by `issuer`, or by itself where that is None; valid from and to so many days from now."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        lines = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"] if ca else [
            "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"]
        extensions.write_text("\n".join(lines + ([f"subjectAltName={san}"] if san else [])) + "\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", kind]
        openssl("req", *new_key, "-nodes", "-keyout", self.key(name), "-out", request, "-subj",
                f"/CN={subject or name}")
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + day * DAY)) for day in days)
        signer = ["-selfsign", "-keyfile", self.key(name)] if issuer is None else [
            "-cert", self.path(issuer), "-keyfile", self.key(issuer)]
        openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", *signer, "-in", request, "-out",
                self.path(name), "-startdate", begin, "-enddate", end, "-extfile", extensions)
        return self.path(name)

    def thief_key(self, name, other):
        """A key with the public half of `name` that signs as `other`: with it, openssl's own server shows a
        certificate whose key it does not have. Both are EC keys (RFC 5915: the scalar is bytes 7 to 38)."""
        public, secret = (subprocess.run(["openssl", "ec", "-in", self.key(which), "-outform", "DER"],
                                         capture_output=True, check=True).stdout for which in (name, other))
        path = self.folder / f"{name}.thief.key"
        text = base64.encodebytes(public[:7] + secret[7:39] + public[39:]).decode()
        path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n")
        return path

    def serve(self, name, *arguments, chain=("intermediate",), key=None, **options):
        """A server that shows `name`, and `chain` behind it."""
        behind = self.folder / f"{name}.chain"
        behind.write_text("".join(self.path(other).read_text() for other in chain))
        shown = ["-cert", self.path(name), "-key", key or self.key(name)]
        return TlsServer([*shown, *(["-cert_chain", behind] if chain else []), *arguments], **options)


class TlsServer:
    """openssl's s_server on a port of loopback; `lines` is what it said until it listened."""

    def __init__(self, arguments, address="127.0.0.2"):
        self.address, self.port = address, free_port(address)
        self.process = spawn(["openssl", "s_server", "-accept", f"{address}:{self.port}", *arguments],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if re.match("ACCEPT", line):
                return
        raise AssertionError("".join(said))

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.process.stdout.close()
        self.process.stdin.close()
