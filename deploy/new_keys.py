"""Print a new set of passwords and keys for `compose.yaml` and the Kubernetes manifests, as lines of an env file.

    (umask 077; python3 deploy/new_keys.py > deploy/.env)

SUPABASE_SERVICE_KEY is signed with JWT_SECRET: change both or neither. Needs nothing but Python.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time

TEN_YEARS_SECONDS = 10 * 365 * 86_400


def service_key(secret: str, *, now: float) -> str:
    """A JWT of the role that may do everything, as a Supabase project has it."""
    claims = {"role": "service_role", "iss": "gleanery", "iat": int(now), "exp": int(now) + TEN_YEARS_SECONDS}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_encoded(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def keys(*, now: float) -> dict[str, str]:
    """Hexadecimal where they become part of a URL."""
    jwt_secret, owner = secrets.token_hex(32), secrets.token_hex(16)
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "OWNER_PASSWORD": owner,
        "AUTHENTICATOR_PASSWORD": (authenticator := secrets.token_hex(16)),
        "JWT_SECRET": jwt_secret,
        "PGRST_DB_URI": f"postgresql://authenticator:{authenticator}@postgres:5432/gleanery",
        "SUPABASE_SERVICE_KEY": service_key(jwt_secret, now=now),
        "GLEANERY_DATABASE_URL": f"postgresql://gleanery:{owner}@postgres:5432/gleanery",
        "METRICS_KEY": (metrics := secrets.token_urlsafe(24)),
        "GLEANERY_API_KEYS": f"{secrets.token_urlsafe(24)},{metrics}",
        "GLEANERY_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        "GRAFANA_PASSWORD": secrets.token_urlsafe(16),
    }


if __name__ == "__main__":
    print("\n".join(f"{name}={value}" for name, value in keys(now=time.time()).items()))
