"""The table of projects: what may stand in it; what is fetched."""

from dataclasses import replace

import pytest
from stateline.model.training.corpus import downloads
from stateline.model.training.corpus.sources import CorpusError, Package, licence_allowed

from benchmarks.replay import __main__ as program
from benchmarks.replay.projects import fetched, projects


def test_the_projects_are_many_permissive_and_unknown_to_the_model():
    found = projects()
    assert len({project.old.name for project in found}) >= 8
    assert sum(isinstance(project.new, Package) for project in found) >= 2
    for project in found:
        for release in (project.old, project.new):
            assert release.held_out, release.name
            assert licence_allowed(release.licence)
            assert release.is_well_formed
            assert release.version in release.file
        assert project.old.name == project.new.name
        assert project.old.version != project.new.version


def test_what_is_fetched_is_what_is_pinned(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_bring", lambda sources, cache: "no network")
    (project, *_) = projects()
    with pytest.raises(CorpusError, match="no network"):
        fetched(project, tmp_path)
    folder = tmp_path / project.old.stem
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
