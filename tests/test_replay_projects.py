"""The table of projects: what may stand in it; what is fetched."""

from dataclasses import replace

import pytest
from stateline.model.training import downloads
from stateline.model.training.sources import CorpusError, is_held_out, licence_allowed

from benchmarks.replay import __main__ as program
from benchmarks.replay.projects import fetched, projects


def test_the_projects_are_many_permissive_and_unknown_to_the_model():
    found = projects()
    assert len({project.old.name for project in found}) >= 8
    for project in found:
        for release in (project.old, project.new):
            assert is_held_out(release.name), release.name
            assert licence_allowed(release.licence)
            assert len(release.sha256) == 64
            assert release.version in release.file
        assert project.old.name == project.new.name
        assert project.old.version != project.new.version


def test_what_is_fetched_is_what_is_pinned(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_bring", lambda wanted, cache: "it is gone")
    (project, *_) = projects()
    with pytest.raises(CorpusError, match="it is gone"):
        fetched(project, tmp_path)
    folder = tmp_path / project.old.name
    folder.mkdir()
    (folder / project.old.file).write_bytes(b"other")
    with pytest.raises(CorpusError, match="not the file that is pinned"):
        fetched(project, tmp_path)
    digest = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"  # of `other`
    known = replace(
        project,
        old=replace(project.old, sha256=digest),
        new=replace(project.new, file=project.old.file, sha256=digest),
    )
    assert fetched(known, tmp_path) == (folder / project.old.file,) * 2


def test_a_failed_download_ends_the_program_with_a_sentence(monkeypatch):
    def fails(project):
        raise CorpusError("It cannot be had; try again.")

    monkeypatch.setattr(program, "fetched", fails)
    with pytest.raises(SystemExit, match="cannot be had"):
        program.main(["--projects"])
