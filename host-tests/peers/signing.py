"""One face for two libraries of PyPI that sign: `joserfc` and `authlib`.

`authlib` knows Ed25519 only by the name that RFC 9864 deprecates.
"""

import sys

sys.path.insert(0, sys.argv[1])

ALGORITHMS = ["ES256", "RS256", "PS256", "Ed25519"]


class Joserfc:
    def __init__(self):
        from joserfc import jwk, jwt

        self.jwk, self.jwt = jwk, jwt

    def name(self, alg):
        return alg

    def new(self, alg):
        match alg:
            case "ES256":
                return self.jwk.ECKey.generate_key("P-256")
            case "Ed25519":
                return self.jwk.OKPKey.generate_key("Ed25519")
            case _:
                return self.jwk.RSAKey.generate_key(2048)

    def public(self, key):
        return key.as_dict(private=False)

    def signed(self, alg, header, claims, key):
        return self.jwt.encode({"alg": alg, **header}, claims, key, algorithms=[alg])


class Authlib:
    def __init__(self):
        from authlib import jose

        self.jose = jose

    def name(self, alg):
        return "EdDSA" if alg == "Ed25519" else alg

    def new(self, alg):
        match alg:
            case "ES256":
                return self.jose.ECKey.generate_key("P-256", is_private=True)
            case "Ed25519":
                return self.jose.OKPKey.generate_key("Ed25519", is_private=True)
            case _:
                return self.jose.RSAKey.generate_key(2048, is_private=True)

    def public(self, key):
        required = ["crv", "e", "kty", "n", "x", "y"]
        return {name: value for name, value in key.as_dict(is_private=False).items() if name in required}

    def signed(self, alg, header, claims, key):
        jwt = self.jose.JsonWebToken([self.name(alg)])
        return jwt.encode({"alg": self.name(alg), **header}, claims, key).decode()


LIBRARY = {"joserfc": Joserfc, "authlib": Authlib}[sys.argv[2]]()
