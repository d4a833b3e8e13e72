"""DPoP proofs (RFC 9449) as PyPI `joserfc` signs them: prints {keys, rounds}, a round for each algorithm.

    python3 prove.py PACKAGES < {claims, method, uri, now}
"""

import base64
import hashlib
import json
import sys
import uuid

sys.path.insert(0, sys.argv[1])

from joserfc import jwt  # noqa: E402
from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: E402

asked = json.load(sys.stdin)
issuer = ECKey.generate_key("P-256")
MAKE = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
    "PS256": lambda: RSAKey.generate_key(2048),
    "RS256": lambda: RSAKey.generate_key(2048),
}


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def prove(alg, key, **changed):
    header = {"alg": alg, "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    claims = {"jti": str(uuid.uuid4()), "htm": asked["method"], "htu": asked["uri"], "iat": asked["now"]}
    return jwt.encode(header, {**claims, **changed}, key, algorithms=[alg])


rounds = []
for alg, make in MAKE.items():
    key = make()
    claims = {**asked["claims"], "cnf": {"jkt": key.thumbprint()}, "jti": str(uuid.uuid4())}
    header = {"alg": "ES256", "kid": "issuer", "typ": "at+jwt"}
    token = jwt.encode(header, claims, issuer, algorithms=["ES256"])
    ath = digest(token)
    rounds.append({
        "by": f"joserfc {alg}",
        "token": token,
        "good": [prove(alg, key, ath=ath), prove(alg, key, ath=ath)],
        "refused": [
            ["dpop_target_mismatch", prove(alg, key, ath=ath, htu=asked["uri"] + "/other")],
            ["dpop_target_mismatch", prove(alg, key, ath=ath, htm="GET")],
            ["dpop_token_mismatch", prove(alg, key, ath=digest(""))],
            ["dpop_malformed", prove(alg, key)],
            ["dpop_stale", prove(alg, key, ath=ath, iat=asked["now"] - 3600)],
            ["dpop_key_mismatch", prove(alg, make(), ath=ath)],
        ],
    })
keys = [{**issuer.as_dict(private=False), "kid": "issuer", "alg": "ES256", "use": "sig"}]
print(json.dumps({"keys": keys, "rounds": rounds}))
