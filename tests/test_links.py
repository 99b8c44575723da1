"""Every relative link in the project's Markdown leads to a file, and to the heading it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_graph import ROOT

ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
NOT_OURS = {".git", ".venv", "build", "dist", "node_modules"}


def markdown_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not is_foreign(path):
            yield from markdown_files(path)
        elif path.suffix == ".md":
            yield path


def is_foreign(folder: Path) -> bool:
    """Whether the folder holds downloads, builds or a virtual environment of any name."""
    hidden = folder.name.startswith(".") and folder.name not in (".ci", ".github")
    return folder.name in NOT_OURS or hidden or (folder / "pyvenv.cfg").exists()


def prose(markdown: str) -> str:
    """The text without its code, in which brackets mean something else."""
    without_blocks = re.sub(
        r"^ *(```+|~~~+).*?^ *\1 *$", "", markdown, flags=re.MULTILINE | re.DOTALL
    )
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", without_blocks)


def links(markdown: str) -> list[str]:
    """The targets of links, images, reference definitions and HTML attributes."""
    text = prose(markdown)
    return [
        *re.findall(r"\]\(<?([^()\s>]+)>?(?:\s+[\"'][^)]*)?\)", text),
        *re.findall(r"^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s>]+)", text, flags=re.MULTILINE),
        *re.findall(r"<(?:img|a|source)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)", text),
    ]


def anchors(markdown: str) -> set[str]:
    """The names under which GitHub lets a link point at headings, and explicit ones."""
    without_blocks = re.sub(
        r"^ *(```+|~~~+).*?^ *\1 *$", "", markdown, flags=re.MULTILINE | re.DOTALL
    )
    found: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", markdown))
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", without_blocks, flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        again = 0
        while (name := f"{slug}-{again}" if again else slug) in found:
            again += 1
        found.add(name)
    return found


def broken_links(path: Path) -> list[str]:
    markdown = path.read_text(encoding="utf-8")
    broken = []
    for link in links(markdown):
        if ELSEWHERE.match(link):
            continue
        file_part, _, anchor = link.partition("#")
        target = path.parent / file_part if file_part else path
        if not target.exists():
            broken.append(f"{link} (no such file)")
        elif (
            anchor
            and target.suffix == ".md"
            and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            broken.append(f"{link} (no such heading)")
    return broken


@pytest.mark.parametrize(
    "path", list(markdown_files(ROOT)), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_lead_somewhere(path: Path):
    assert broken_links(path) == []


def test_broken_links_are_found(tmp_path: Path):
    (tmp_path / "there.md").write_text("# Its `own` Title!\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Top\n"
        "[fine](there.md), [heading](there.md#its-own-title), [second](there.md#twice-1)\n"
        "[up](#top), [web](https://example.org/x), `[code](gone-1.md)`\n"
        '![image](gone-2.png "title") and [wrong](there.md#no-title)\n'
        "[reference]: gone-3.md\n"
        '<img src="gone-4.png">\n'
        "```\n[block](gone-5.md)\n```\n"
    )
    assert broken_links(page) == [
        "gone-2.png (no such file)",
        "there.md#no-title (no such heading)",
        "gone-3.md (no such file)",
        "gone-4.png (no such file)",
    ]
