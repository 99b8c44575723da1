"""A workspace in which canaries stand everywhere that may not be read.

Owns the files, the strings, and the looking for traces of them. All secrets are made up.
"""

KEY = "wJb7rQ2nT9xK4mV8pL3sD6fH1gZ5cY0aE7uB2iNo"  # 40 characters, as Amazon's
TOKEN = "AKIA" + "Q7XW2ZK9RM4TVB6N"
PEM_LINES = (
    "MIIEpAIBAAKCAQEA7vQ9xTz1kWm3YbR5nGd8LhJf2sXc6PoU4iVaEqNtKyBrMwZg",
    "Hs0DlCjFp5uX8eT2vQ7nRb4kYm1GzLd9WfJcSa3PiUoNhVx6EtKqByMrZwAgHs0D",
    "lCjFp5uX8eT2vQ7nRb4kYm1GzLd9WfJcSa3PiUoNhVx6EtKqByMrZwAgQm8Kd2Xv",
)
PEM = "\n".join(PEM_LINES)
LEAVING = "kestrel_flies_away"
CANARIES = (
    "albatross_sings_one",
    "cormorant_sings_two",
    "heron_sings_three",
    "osprey_sings_72Xq",
    "puffin_sings_Q81zM4tT",
    "razorbill_sings_55Kd",
    KEY,
    TOKEN,
    *PEM_LINES,
)
VISIBLE = ("visible_text_of_normal", "text_between_secrets", "open_marker", LEAVING)
_SECRETS = f'''aws_access_key_id = "{TOKEN}"
aws_secret_access_key = "{KEY}"
text_between_secrets = 1
private = """-----BEGIN RSA PRIVATE KEY-----
{PEM}
-----END RSA PRIVATE KEY-----"""
'''
OPEN = (
    "import normal, ignored, excluded, stateless, leaving\n"
    f"{_SECRETS}def open_marker():\n    return normal.visible_text_of_normal"
)
FILES = {
    ".gitignore": "ignored.py\n",
    ".statelineignore": "stateless.py\n",
    "main.py": OPEN,
    "normal.py": f"def visible_text_of_normal():\n    return 1\n\n\n{_SECRETS}",
    "leaving.py": f"# {LEAVING}\n" + "value = 1\n" * 80,
    "ignored.py": "# albatross_sings_one\n",
    "excluded.py": "# cormorant_sings_two\n",
    "stateless.py": "# heron_sings_three\n",
    ".env": "PASSWORD=osprey_sings_72Xq\n",
    "id_rsa": "puffin_sings_Q81zM4tT\n",
    "credentials.json": '{"key": "razorbill_sings_55Kd"}\n',
}


def traces(text, reach=8):
    """Pieces of canaries, so many characters long each, that stand in a text."""
    pieces = {each[at : at + reach] for each in CANARIES for at in range(len(each) - reach + 1)}
    return sorted(piece for piece in pieces if piece in text)
