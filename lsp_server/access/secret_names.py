"""Which files are secret by their name alone, in which there is no completion.

Owns the names. Knows no rules, no contents and no disk. A module of ordinary code may well be
called `secrets.py`: it is read, and the secrets that stand in it are masked like everywhere.
"""

from __future__ import annotations

import re

_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"})
_EXAMPLE = re.compile(r"\.(example|sample|template|tmpl|dist|defaults?)$")
_ALWAYS = re.compile(
    r"\.env|\.env[._-].*|.*\.env|\.envrc"
    r"|.*\.(pem|key|p12|pfx|pkcs12|jks|keystore|kdbx?|ppk|ovpn|keytab|gpg|agekey)"
    r"|.*\.(tfvars|tfvars\.json|tfstate|tfstate\.backup|kubeconfig)|kubeconfig"
    r"|[._]netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.htpasswd|\.git-credentials|\.boto|\.s3cfg"
    r"|\.dockercfg|\.dockerconfigjson|\.vault[_-]?(pass|token).*|\.\w*_history"
)
_UNLESS_CODE = re.compile(
    r"id_(rsa|dsa|ecdsa|ed25519)([._-].*)?|\.?credentials?([._-].*)?|\.?secrets?(\..*)?"
    r"|(client|app|my)[_-]secrets?.*|service[_-]?account.*|\.?(auth|access|refresh)?[_-]?tokens?(\..*)?"
    r"|passwords?(\..*)?|auth\.json"
)
_CODE = re.compile(
    r".*\.(pyi?|pyx|[mc]?jsx?|[mc]?tsx?|vue|go|rs|java|kt|scala|c|h|cc|cpp|hpp|cs|rb|php|swift|m|lua|pl"
    r"|exs?|erl|hs|ml|clj|dart|r|jl|sql|proto|html|css|scss|less|md|rst)"
)


def is_secret_folder(name: str) -> bool:
    """Whether all that lies in a folder of that name is secret."""
    return name.lower() in _FOLDERS


def is_secret_file(name: str) -> bool:
    """Whether the name of a file says that secrets are inside."""
    name = name.lower()
    if _EXAMPLE.search(name):
        return False
    if _ALWAYS.fullmatch(name):
        return True
    return bool(_UNLESS_CODE.fullmatch(name)) and not _CODE.fullmatch(name)
