"""What counts as a secret, and that masking one leaves everything else where it was."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.model.secrets.masking import masked, spans

HEX = "9f86d081884c7d659a2feaa0c55ad015"
MIXED = "q8Zr2LmX0vTb6WnYc4Kd"
PEM_LINES = "".join(f"{MIXED}{MIXED}{MIXED}{number:04}\n" for number in range(4))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_LINES}Ab3=\n-----END RSA PRIVATE KEY-----\n"

# The part between « and » is what has to go, all of it and nothing else.
SECRETS = [
    f"key = '«AKIA{'ABCD' * 4}»'",
    f"«ghp_{'a1' * 18}»",
    f"«github_pat_{'a1' * 25}»",
    f"x = f('«glpat-{MIXED}»')",
    f"«xoxb-123456789012-{MIXED}»",
    f"https://hooks.slack.com/services/«T00000000/B00000000/{MIXED}»",
    f"«sk_live_{MIXED}{MIXED}»",
    f"«sk-{HEX}»",
    f"«sk-ant-api03-{MIXED}»",
    f"«sk-proj-{MIXED}»",
    f"«hf_{'aB' * 17}»",
    f"«AIza{HEX}abc»",
    f"«npm_{'a1' * 18}»",
    f"«pypi-{'a1' * 30}»",
    f"«eyJ{MIXED}.eyJ{MIXED}.{MIXED}»",
    f"AccountKey=«{MIXED}{MIXED}==»;EndpointSuffix=core",
    f"«SG.{MIXED}.{MIXED}{MIXED}»",
    f"«SK{HEX}»",
    f"«dop_v1_{HEX}{HEX}»",
    "postgres://admin:«s3same-open»@db.example.org/x",
    f"'Authorization': 'Bearer «{MIXED}»'",
    "Authorization: Basic «dXNlcjpodW50ZXIyMTIz»",
    "password = '«hunter2hunter»'",
    "password = '«correct!horse»'",
    'self.db_password: str = "«hunter2hunter»"',
    'connect(user="u", passwd="«hunter2hunter»")',
    "config['password'] = '«hunter2hunter»'",
    'if password == "«hunter2hunter»":',
    '{"password": "«hunter2hunter»", "user": "x"}',
    r'text = "{\"password\": \"«hunter2hunter»\"}"',
    "password = (\n    '«hunter2hunter»'\n)",
    "password = '«hunter2hunter»",  # still being typed
    f"AWS_SECRET_ACCESS_KEY = '«wJalrXUtnFEMI/K7MDENG/{MIXED}»'",
    f"api_keys = ['«{MIXED}»', '«{HEX}»']",
    f"apiKey: '«{MIXED}»'",
    f"clientSecret := `«{MIXED}»`",
    f"os.environ.get('SECRET_KEY', '«{MIXED}»')",
    f'token = b"«{HEX}»"',
    f"export API_TOKEN=«{MIXED}»\nexport NEXT=1",
    f"  - client_secret: «{MIXED}»  # a comment",
    f"https://x.org/?access_token=«{MIXED}»&page=2",
    f"run --token=«{MIXED}» --force",
    f"Server=db;Password=«{MIXED}»;Encrypt=yes",
    # As TypeScript and JavaScript give a value to a name.
    f'const apiKey = "«{HEX}»";',
    f"let authToken = `«{HEX}»`;",
    f'export const API_SECRET = "«{MIXED}»";',
    f"const apiKey: string = '«{MIXED}»';",
    f"const apiKey: string | undefined = '«{MIXED}»';",
    f'const secret = process.env.APP_SECRET || "«{MIXED}»";',
    f"const secret = process.env.APP_SECRET ?? '«{MIXED}»';",
    'const password = process.env["DB_PASSWORD"] || "«hunter2!hunter2»";',
    f'const secret = Deno.env.get("APP_SECRET") ?? "«{MIXED}»";',
    f'const secret = import.meta.env.VITE_SECRET! || "«{MIXED}»";',
    f'  jwtSecret: process.env.JWT_SECRET || "«{MIXED}»",',
    f'options.apiKey ??= "«{MIXED}»";',
    '  password: "«hunter2!hunter2»",',
    f"  'x-api-key': '«{MIXED}»',",
    f'  #apiKey = "«{MIXED}»";',
    f'  private readonly accessToken = "«{MIXED}»";',
    f'  this.accessToken = "«{MIXED}»";',
    f'process.env.API_TOKEN = "«{MIXED}»";',
    f'config.set("apiKey", "«{MIXED}»");',
    f'const {{ apiKey = "«{MIXED}»" }} = options;',
    f'<Client apiKey="«{MIXED}»" />',
    f"<Client apiKey={{'«{MIXED}»'}} />",
    f"headers: {{ Authorization: `Bearer «{MIXED}»` }},",
    f"os.environ.get('SECRET_KEY') or '«{MIXED}»'",
    f"İİ token = '«{HEX}»'",  # two letters whose lower case is longer than they are
]

ORDINARY = [
    'token = "endline"',
    'TOKEN_TYPE = "access_token"',
    "secret_key = get_random_secret_key()",
    "password = os.environ['DB_PASSWORD_2024']",
    "password = 'hunter2'",
    "password = ''",
    'password = "password"',
    "password = 'changeme123!'",
    "password = '${DB_PASSWORD_1}'",
    "password = '{{ vault_password_1 }}'",
    "token = 'your-token-here-123'",
    "token = '<your 1st token>'",
    "csrf_token = 'csrf_token'",
    "pad_token = '<|endoftext|>'",
    "tokenizer = 'a1b2c3d4e5f6a7b8'",
    "author = 'a1b2c3d4e5f6a7b8'",
    "token_url = 'https://example.org/oauth2/v2/token'",
    "password_hasher = 'pbkdf2_sha256'",
    "raise ValueError('the password must have 8 characters')",
    f"digest = '{HEX}'",
    "auth = base64.b64encode(x)",
    "token = tokens[0]",
    "token = decoded_token_v2",
    "key = 'a1b2c3d4e5f6a7b8'",
    "bypass = 'a1b2c3d4e5f6a7b8!'",
    "AKIA is a prefix",
    'const tokenType = "access_token2fa";',
    "const apiKey = process.env.API_KEY;",
    'const apiKey = process.env.API_KEY || "your-api-key-123";',
    'const token = tokens[0] ?? "identifier";',
    'if (token.type === "punctuator2") {',
    'const secret = getSecret("app-secret-v2");',
    'import { tokenize } from "./tokenizer2/base64url";',
    "const cacheKey = `user:${id}:v2:2024a1`;",
    'secretName: "my-k8s-secret-v1b",',
    'const accessKeyPath = "/etc/keys/v1a2b3c4/key.pem";',
    'const privateKeyFile = "id_ed25519_2024a1";',
    'accessTokenExpiryTime: "15m30s12h45m",',
    "const passwordRegex = /^(?=.*[a-z])(?=.*\\d)[a-z\\d]{8,}$/;",
    'const [token, setToken] = useState("");',
    '<input type="password" id="password1" />',
    ".sk-toggleable__content-arrow",
    "Basic authentication or Bearer authentication",
    "url = f'postgres://{user}:{password}@{host}/'",
    "https://example.org:8080/a@b",
    "BEGIN = '-----BEGIN RSA PRIVATE KEY-----'\n\ndef f(x):\n    return x\n",
    "x = '''\n\n   -----END RSA PRIVATE KEY-----'''\n",
    "a = 1\nEND = '-----END RSA PRIVATE KEY-----'\n",
]


def marked(text: str) -> tuple[str, str]:
    """The text, and the text as it should become."""
    hidden = re.sub(r"«(.*?)»", lambda match: "*" * len(match[1]), text)
    return text.replace("«", "").replace("»", ""), hidden


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_goes_and_what_stands_around_it_stays(text: str):
    plain, hidden = marked(text)
    assert masked(plain) == hidden
    assert masked(f"x = 1\n{plain}\ny = 2\n") == f"x = 1\n{hidden}\ny = 2\n"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_code_stays(text: str):
    assert masked(text) == text


def hidden_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if "*" in line]


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("RSA ", ""),
        PEM.replace("\n", "\\n"),
        "KEY = (\n" + "".join(f'    "{line}\\n"\n' for line in PEM.splitlines()) + ")\n",
        PEM.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,0A\n\n", 1),
        PEM.partition("-----END")[0],  # not closed yet
        PEM.partition("\n")[2],  # the header is above the window
        PEM[60:],  # the window begins within a line
        PEM.replace("\n", "\\n")[60:],
    ],
)
def test_a_private_key_goes_whole_however_it_stands(text: str):
    result = masked(text)
    assert not re.search(r"[A-Za-z0-9]{12}", result), result
    assert result.count("\n") == text.count("\n")


def test_code_around_a_private_key_stays():
    text = f'import os\n\nKEY = """{PEM}"""\n\ndef f(x):\n    return x\n'
    result = masked(text)
    assert result.startswith('import os\n\nKEY = """-----BEGIN RSA PRIVATE KEY-----\n****')
    assert result.endswith('\n-----END RSA PRIVATE KEY-----\n"""\n\ndef f(x):\n    return x\n')
    below = PEM.partition("\n")[2] + "x = 1\n"
    assert masked("import os\n" + below).startswith("import os\n****")


FRAGMENTS = st.sampled_from(
    [plain for text in SECRETS + ORDINARY for plain in [marked(text)[0]]]
    + [PEM, PEM[:90], PEM[90:], MIXED, HEX, "password=", 'token: "', "AKIA", "ghp_", "eyJ", "sk-"]
    + [*"'\"\\ \n\t=:,;&?@/[]().-_*sİß", "://", "***", "-----BEGIN ", "Bearer ", "\\n", "key", "a1"]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=4), max_size=12).map("".join)


@given(TEXTS)
def test_masking_keeps_every_offset_and_says_all_at_once(text: str):
    result = masked(text)
    assert len(result) == len(text)
    assert [char.isspace() for char in result] == [char.isspace() for char in text]
    assert masked(result) == result
    found = spans(text)
    assert all(start < end for start, end in found)
    assert all(end < start for (_, end), (start, _) in pairwise(found))


@given(st.sampled_from(SECRETS), st.integers(0, 200))
def test_what_is_typed_below_changes_nothing_above(text: str, chars: int):
    above = f"import os\n{marked(text)[0]}\n\n"
    below = f"x = f('{MIXED}')\n{PEM}"[:chars]
    assert masked(above + below).startswith(masked(above))


@pytest.mark.parametrize(
    "part", ["a", '"', "password=", 'password="', "eyJ", "://a:", "key = [", "A\n"]
)
def test_a_long_hostile_text_is_answered(part: str):
    text = part * (100_000 // len(part))
    assert len(masked(text)) == len(text)


def test_one_letter_alone_has_a_longer_lower_case():
    longer = [chr(code) for code in range(0x110000) if len(chr(code).lower()) != 1]
    assert longer == ["\u0130"]
