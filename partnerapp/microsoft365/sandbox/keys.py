"""The sandbox's signing keys (RSA 2048, RS256)."""

import json
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ANY_TENANT = "https://login.microsoftonline.com/{tenantid}/v2.0"


class Key:
    """A private key and what is published of it. `issuer` is whose tokens it may sign."""

    def __init__(self, private: rsa.RSAPrivateKey, kid: str, issuer: str = ANY_TENANT) -> None:
        self.private = private
        self.kid = kid
        self.issuer = issuer

    @classmethod
    def generate(cls) -> "Key":
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048), uuid.uuid4().hex)

    @classmethod
    def load(cls, kept: dict[str, str]) -> "Key":
        private = serialization.load_pem_private_key(kept["pem"].encode(), None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")
        return cls(private, kept["kid"])

    def dump(self) -> dict[str, str]:
        pem = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {"kid": self.kid, "pem": pem.decode()}

    def public(self) -> dict[str, Any]:
        published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        return {name: published[name] for name in ("kty", "n", "e")} | {
            "use": "sig",
            "kid": self.kid,
            "issuer": self.issuer,
        }

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid})

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this key signed, whatever its times; None if it did not."""
        unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        try:
            return jwt.decode(token, self.private.public_key(), algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
        except jwt.PyJWTError:
            return None
