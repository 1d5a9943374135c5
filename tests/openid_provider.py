"""An OpenID provider as a process of its own: serves its keys from a file, well or badly, and says how often it did.

`python -m tests.openid_provider FILE` prints its port; each path is another way to serve.
"""

import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

ISSUER, AUDIENCE = "https://id.clinic.example/", "evenkeel"
MAKERS: dict[str, Any] = {
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid}),
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}),
    "EdDSA": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
}


class Serving(BaseHTTPRequestHandler):
    served = 0
    file: Path

    def do_GET(self) -> None:
        if self.path == "/served":
            self._send(200, str(Serving.served).encode())
            return
        Serving.served += 1
        content = self.file.read_bytes()
        match self.path:
            case "/moved":
                self._send(302, b"", Location="/jwks")
            case "/failing":
                self._send(500, content)
            case "/packed":
                self._send(200, content, **{"Content-Encoding": "gzip"})
            case "/huge":
                self._send(200, content + b" " * 1024 * 1024)
            case "/dripping":
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.5)
            case _:
                self._send(200, content)

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; a client that hangs up is what some tests are about."""


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up."""


@dataclass
class OpenIdProvider:
    """A running provider with its keys: algorithm → key."""

    origin: str
    file: Path
    keys: dict[str, Any]

    def publish(self, *keys: Any) -> None:
        """Serve the public half of some keys from now on."""
        self.file.write_bytes(orjson.dumps({"keys": [key.as_dict(private=False) for key in keys]}))

    def served(self) -> int:
        """Return how often somebody asked for keys."""
        return int(httpx.get(f"{self.origin}/served", trust_env=False).text)


def signed(key: Any, algorithm: str, claims: dict[str, Any], **header: Any) -> str:
    """Return a token of a provider."""
    named = {"alg": algorithm, "kid": key.kid, **header}
    told = {name: value for name, value in named.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # RFC 9864 has another name for EdDSA, providers mostly not
        return jwt.encode(told, claims, key, [algorithm])


@contextmanager
def providing(folder: Path) -> Iterator[OpenIdProvider]:
    """Yield a provider that runs with a key for each algorithm; it is ended with the block."""
    file = folder / "jwks.json"
    file.write_bytes(b"{}")
    command = [sys.executable, "-m", "tests.openid_provider", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        try:
            assert process.stdout is not None
            origin = f"http://127.0.0.1:{int(process.stdout.readline())}"
            keys = {algorithm: make(f"{algorithm}-1") for algorithm, make in MAKERS.items()}
            provider = OpenIdProvider(origin, file, keys)
            provider.publish(*keys.values())
            yield provider
        finally:
            process.kill()


def main() -> None:
    Serving.file = Path(sys.argv[1])
    server = Quiet(("127.0.0.1", 0), Serving)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
