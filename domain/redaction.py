"""Secrets out of text and JSON, names and shapes kept readable. For everything that is stored, shown or reasoned over.

Two ways to know a secret: by its own shape (a private key, a JWT, a cloud key), and by the name beside it
(`password=…`, `"apiKey": "…"`, an environment variable `DB_PASSWORD`). One with neither cannot be told from text.
"""

import json
import re
from functools import lru_cache
from typing import cast

from pydantic import JsonValue

REDACTED = "[redacted]"
_DEPTH_LIMIT = 100
_EMBEDDED_LIMIT = 1_000_000
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_NAME = r"""(?:
    pass(?:word|wd|phrase|code)s? | (?<!by)(?<!com)(?<!sur)(?<!tres)pass | pwd | (?<![a-z])(?:pw|sig|otp|jwt|psk)
  | (?:access|account|api|auth|cipher|client|decrypt(?:ion)?|deploy|encrypt(?:ion)?|hmac|integration|license|master
      |private|routing|service|session|shared[_.-]?access|signing|ssh|storage|subscription|webhook)[_.-]?key
  | secret(?:[_.-]?(?:access[_.-]?)?key(?:[_.-]?base)?)? | secrets | session[_.-]?id | signature | token
  | credentials? | (?:proxy-)?authorization | x-amz-credential | auth(?=\\*["'][ \t]*:)
)(?:[_.-]?(?:value|hash|base64|b64|data|text|plain|string|prod|dev|staging|old|new|primary|secondary|[0-9]{1,3}))?"""
# What the name of a secret ends with. `secretName`, `tokenUrl` and `max_tokens` do not.

_VALUE = r"""(?:
    (?! \\*["']? (?: (?:null|nil|none|true|false|yes|no|undefined|unset|empty|required|missing|not|cannot|is|was
              |forbidden|denied|expired|invalid|incorrect|wrong|unknown|unauthorized|<nil>|\*+)
              (?= [.:]? (?: [\s,;&)\]}>"'\\] | \Z ) ) | \[redacted ) )
    (?! [\[{] \s* (?:["'\n\]}]|\\) )
    (?: (?P<quote>\\+["']) [\s\S]*? (?: (?P=quote) | \Z )
      | " (?: [^"\\] | \\(?:[\s\S]|\Z) )* (?: " | \Z )
      | ' (?: [^'\\\n] | \\(?:.|\Z|(?=\n)) )* (?: ' | (?=\n) | \Z )
      | (?: bearer | basic | token | digest | negotiate | apikey ) [ \t]+ [^\s,;"'<>)\]}]+
      | [^\s,;&"'<>)\]}]+ )
)"""
# Quoted (also inside JSON that was itself put into a string), after an authorization scheme, or up to a delimiter.
# Words that say there is no value, or what is wrong with it (`using password: YES`, `secrets: forbidden`), and the
# opening of a nested object, stay: they are evidence.

_SPACE = r"(?:\s|\\[nrt])*+"
# Also as JSON writes it inside a string.
_ASSIGNED = r"""\\*+["']?+ [ \t]*+ (?>=>|:=|[:=]|%3d) [ \t]*+ (?: [|>][+-]?[ \t]*(?:\n|\\n)[ \t]+ )?+"""
# What stands between name and value; the last part is a YAML block scalar, whose value begins on the next line.


def _rule(lead: str, secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<lead>{lead})(?P<secret>{secret})", re.VERBOSE | re.IGNORECASE)


_COOKIE = _rule(r"""(?:set-)?cookie ["']? [ \t]* : [ \t]*+ ["']?+""", r"""(?!\[redacted)[^\n"']+""")
_NAMED = _rule(_NAME + _ASSIGNED, _VALUE)
_BY_NAME = (
    # An environment variable in YAML or JSON, perhaps in a diff.
    (
        "value",
        _rule(
            rf"""name\\*["']? {_SPACE} : {_SPACE} (?:\\*["'])? [\w.-]{{0,80}}? {_NAME} (?:\\*["'])? {_SPACE} ,? {_SPACE}
            (?:[+-]{_SPACE})? (?:\\*["'])? value\\*["']? {_SPACE} : [ \t]*+""",
            _VALUE,
        ),
    ),
    ("--", _rule(rf"--[\w-]{{0,40}}?{_NAME}[ \t]+", r"(?!-)" + _VALUE)),
    ("<", _rule(rf"<[\w:.-]{{0,40}}?{_NAME}\s*>", r"(?!\[redacted)[^<]+")),
    ("password", _rule(r"password[ ]+", r"'[^'\n]+'")),
    ("login", _rule(r"\blogin[ ]+\S+[ ]+password[ ]+", r"(?!\[redacted)\S+")),
)
_BY_PLACE = (
    # user:password@ in URLs, a token alone before the @, and the form MySQL drivers use.
    ("://", _rule(r"[a-z][a-z0-9+.-]{0,40}://[^\s/@:\"'<>]*:", r"[^\s/\"'<>]+(?=@)")),
    ("://", _rule(r"[a-z][a-z0-9+.-]{0,40}://", r"[^\s/@:\"'<>\[\]]{16,}(?=@)")),
    *((f"@{net}(", _rule(r"(?<![\w.-])[\w.-]+:", rf"[^\s@:/]+(?=@{net}\()")) for net in ("tcp", "unix")),
    ("-u", _rule(r"(?<!\S)(?:-u|--user)[ =]+[^\s:]+:", r"(?!\[redacted)\S+")),
    ("identified by", _rule(r"identified[ ]by[ ]+", r"'[^'\n]+'")),
    ("bearer", _rule(r"\bbearer[ \t]+", r"(?=[^\s\"',;]*(?:[0-9._~+/=-]|(?-i:[A-Z])))[\w.~+/=-]{8,}")),
    ("basic", _rule(r"\bbasic[ \t]+", r"(?=\S*(?:[0-9=]|(?-i:[a-z][A-Z])))[\w+/]{8,}={0,2}")),
)
_SHAPES: tuple[tuple[str, str], ...] = (
    (
        "-----BEGIN",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    ),
    ("eyJ", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}"),  # JSON web tokens
    *((prefix, rf"\b{prefix}[A-Z0-9]{{16}}\b") for prefix in ("AKIA", "ASIA", "ABIA", "ACCA", "AROA")),  # AWS
    ("AIza", r"\bAIza[\w-]{35}"),  # Google
    ("ya29.", r"\bya29\.[\w.-]{20,}"),
    ("GOCSPX-", r"\bGOCSPX-[\w-]{20,}"),
    *((f"gh{kind}_", rf"\bgh{kind}_[A-Za-z0-9]{{20,}}") for kind in "pousr"),  # GitHub
    ("github_pat_", r"\bgithub_pat_\w{20,}"),
    ("glpat-", r"\bglpat-[\w-]{16,}"),  # GitLab
    ("xox", r"\bxox[a-z]-[\w-]{10,}"),  # Slack
    ("xapp-", r"\bxapp-[\w-]{10,}"),
    ("hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]+"),
    ("/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/[\w/-]+"),
    (":AA", r"\b\d{8,10}:AA[\w-]{32,}"),  # Telegram
    ("sk-", r"(?<![\w-])sk-(?=[\w-]*(?:[A-Z]|[A-Za-z0-9]{20}))[\w-]{16,}"),  # OpenAI, Anthropic
    ("k_live_", r"\b[srp]k_live_\w{10,}"),  # Stripe
    ("k_test_", r"\b[srp]k_test_\w{10,}"),
    ("whsec_", r"\bwhsec_\w{16,}"),
    ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    ("SK", r"\bSK[0-9a-f]{32}\b"),  # Twilio
    ("key-", r"\bkey-[0-9a-f]{32}\b"),  # Mailgun
    ("npm_", r"\bnpm_\w{30,}"),
    ("pypi-", r"\bpypi-[\w-]{16,}"),
    ("dckr_pat_", r"\bdckr_pat_[\w-]{20,}"),  # Docker Hub
    ("hf_", r"\bhf_\w{20,}"),  # Hugging Face
    ("hv", r"\bhv[sbr]\.[\w-]{20,}"),  # Vault
    ("s.", r"\bs\.[A-Za-z0-9]{24}\b"),
    ("_v1_", r"\bdo[por]_v1_[a-f0-9]{40,}"),  # DigitalOcean
    ("dapi", r"\bdapi[0-9a-f]{32}"),  # Databricks
    ("shp", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),  # Shopify
    ("gl", r"\bgl(?:sa|c)_[\w+/=-]{20,}"),  # Grafana
    ("NRAK-", r"\bNRAK-[A-Z0-9]{20,}"),  # New Relic
    ("lin_api_", r"\blin_api_\w{20,}"),  # Linear
    ("ATATT3", r"\bATATT3[\w=-]{20,}"),  # Atlassian
    ("AGE-SECRET-KEY-1", r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("PMAK-", r"\bPMAK-[\w-]{20,}"),  # Postman
    ("dp.pt.", r"\bdp\.pt\.\w{20,}"),  # Doppler
    ("$2", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),  # password hashes
    ("$", r"\$(?:1|5|6|y)\$[./A-Za-z0-9$=,]{16,}"),
)
_BY_SHAPE = tuple((hint, re.compile(pattern)) for hint, pattern in _SHAPES)
# The plain search for the hint spares nearly every text the regular expression.

_WORDS = (*("pass", "pwd", "pw", "sig", "otp", "jwt", "psk", "key", "secret", "session", "token", "credential"), "auth")
# Every `_NAME` has one of these in it,
_BEFORE_WORD = len("shared_access_")
# and begins no more than this before it.
_WORD = re.compile("|".join(_WORDS))
_SHORT_WORD = re.compile(r"[\w.+-]{0,15}")
# Too short for any of the shapes, and without a name beside it.
_SECRET_NAME = re.compile(rf"(?:{_NAME}|(?:\A|[_.-])auth|cookie)\Z", re.VERBOSE | re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with every secret replaced by `[redacted]`. Redacting twice changes nothing more."""
    if _SHORT_WORD.fullmatch(text):
        return text
    for hint, pattern in _BY_SHAPE:
        if hint in text:
            text = pattern.sub(REDACTED, text)
    lowered = text.lower()
    if "cookie" in lowered:
        text = _COOKIE.sub(_without_secret, text)
        lowered = text.lower()
    named = _WORD.search(lowered) is not None
    if named:
        text = _without_named(text, lowered)
    for hint, rule in (*_BY_NAME, *_BY_PLACE) if named else _BY_PLACE:
        if hint in lowered:
            text = rule.sub(_without_secret, text)
    return text


def _without_named(text: str, lowered: str) -> str:
    """What `_NAMED.sub` gives, tried only where a name may begin: a tenth of the time for logs, which are long."""
    if len(lowered) != len(text):  # a few letters have two in lower case: places in the one are none in the other
        return _NAMED.sub(_without_secret, text)
    parts: list[str] = []
    kept = tried = 0
    for word in _WORD.finditer(lowered):
        for place in range(max(tried, word.start() - _BEFORE_WORD), word.end()):
            if match := _NAMED.match(text, place):
                parts += (text[kept:place], _without_secret(match))
                kept = match.end()
                break
        tried = max(kept, word.end())
    return "".join((*parts, text[kept:]))


def _without_secret(match: re.Match[str]) -> str:
    """Quotes around the secret stay, so that the text keeps its shape."""
    secret = match["secret"]
    quote = re.match(r"""\\*["']""", secret)
    mark = quote[0] if quote else ""
    return f"{match['lead']}{mark}{REDACTED}{mark}"


def redact_strings(value: JsonValue) -> JsonValue:
    """A JSON value with `redact` applied to every string, whatever its key.

    For systems whose keys are not names of secrets: the Prometheus label `secret` names a Kubernetes object.
    """
    return _redacted_strings(value, {})


def _redacted_strings(value: JsonValue, seen: dict[str, str]) -> JsonValue:
    if isinstance(value, str):
        if value not in seen:
            seen[value] = redact(value)
        return seen[value]
    if isinstance(value, dict):
        return {key: _redacted_strings(item, seen) for key, item in value.items()}
    return [_redacted_strings(item, seen) for item in value] if isinstance(value, list) else value


def redact_object(value: JsonValue) -> JsonValue:
    """A JSON value without secrets. Keys stay, and so does the data of objects other than Secrets.

    Beyond `redact` on every string it knows Kubernetes: `data` of Secrets, environment variables by name, the
    annotation in which `kubectl apply` keeps a copy of the object; and attributes of OTLP spans.
    """
    return _redacted(value, 0, {})


def _redacted(value: JsonValue, depth: int, seen: dict[str, str]) -> JsonValue:
    """`seen` are the document's texts and what became of them: lists of objects have the same ones over and over."""
    if depth > _DEPTH_LIMIT:
        return REDACTED
    if isinstance(value, str):
        if value not in seen:
            seen[value] = _redacted_text(value, depth, seen)
        return seen[value]
    if isinstance(value, dict):
        return _redacted_dict(value, depth, seen)
    return [_redacted(item, depth + 1, seen) for item in value] if isinstance(value, list) else value


def _redacted_dict(value: dict[str, JsonValue], depth: int, seen: dict[str, str]) -> dict[str, JsonValue]:
    kind = value.get("kind")
    hidden = {"data", "stringData"} if kind == "Secret" else set[str]()
    name = value.get("name", value.get("key"))
    if isinstance(name, str) and _names_a_secret(name):
        hidden.add("value")
    result = {
        key: _hidden(item) if key in hidden or key == _LAST_APPLIED else _member(key, item, depth, seen)
        for key, item in value.items()
    }
    if kind == "SecretList" and isinstance(items := result.get("items"), list):
        result["items"] = [_secret(item) for item in items]
    return result


def _secret(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {key: _hidden(item) if key in {"data", "stringData"} else item for key, item in value.items()}


def _member(key: str, value: JsonValue, depth: int, seen: dict[str, str]) -> JsonValue:
    if isinstance(value, bool) or value is None or isinstance(value, dict) or not _names_a_secret(key):
        return _redacted(value, depth + 1, seen)
    if isinstance(value, list):
        return [_hidden(item) if isinstance(item, str) else _redacted(item, depth + 1, seen) for item in value]
    return _hidden(value)


@lru_cache(maxsize=8192)
def _names_a_secret(name: str) -> bool:
    """By how it ends. Documents have the same few names over and over."""
    lowered = name.lower()
    may = _WORD.search(lowered) is not None or "cookie" in lowered
    return may and _SECRET_NAME.search(name) is not None


def _hidden(value: JsonValue) -> JsonValue:
    """Every leaf replaced; empty values say that there is nothing to hide."""
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    return REDACTED if value not in (None, "", []) else value


def _redacted_text(text: str, depth: int, seen: dict[str, str]) -> str:
    """A string that holds JSON is redacted as JSON, and left as it was written if nothing in it was secret."""
    if text[:1] in {"{", "["} and len(text) < _EMBEDDED_LIMIT:
        try:
            inner = cast("JsonValue", json.loads(text))
        except (ValueError, RecursionError):
            return redact(text)
        clean = _redacted(inner, depth + 1, seen)
        return text if clean == inner else json.dumps(clean, ensure_ascii=False)
    return redact(text)
