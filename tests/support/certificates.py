"""A certificate authority of the tests' own, made by openssl."""
from support.process import run


class Certificates:
    """A CA and one server certificate for `*.example.com` and the names given, under `directory`."""

    def __init__(self, directory, names):
        self.ca, self.ca_key = directory / "ca.pem", directory / "ca.key"
        self.chain, self.key = directory / "server.pem", directory / "server.key"
        request, extensions = directory / "server.csr", directory / "server.ext"
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *key, "-keyout", self.ca_key, "-out", self.ca, "-days", "30",
                      "-subj", "/CN=Test CA")
        self._openssl("req", *key, "-keyout", self.key, "-out", request, "-subj", "/CN=server")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial",
                      "-out", self.chain, "-days", "30", "-extfile", extensions)

    @staticmethod
    def _openssl(*arguments):
        done = run(["openssl", *arguments])
        assert done.returncode == 0, done.stderr
