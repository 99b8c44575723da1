"""The verbs of the command line: a function each, importing what it needs when it runs.

Owns options, exit codes and error sentences. Knows no torch: only what a verb imports may.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Code completion from a resident Mamba2 state.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelOption = Annotated[
    Path | None, typer.Option("--model", help="A model folder; without it, the embedded model.")
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stateline {version('stateline')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command()
def lsp(
    port: Annotated[
        int, typer.Option(help="Listen on this TCP port of the loopback, for one client.")
    ] = 0,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Speak on stdin and stdout; the default.")
    ] = True,
    client_process_id: Annotated[
        int, typer.Option("--clientProcessId", hidden=True, help="Ignored; initialize says it.")
    ] = 0,
    log: Annotated[Path | None, typer.Option(help="Log to this file rather than stderr.")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
) -> None:
    """Serve an editor."""
    if not 0 <= port < 65536:
        fail(f"--port must be from 1 to 65535, not {port}.")
    levels = {"debug", "info", "warning", "error"}
    if log_level not in levels:
        fail(f"--log-level must be one of {', '.join(sorted(levels))}, not {log_level!r}.")
    from ..server.serving import serve

    serve(port, log, log_level)


@app.command()
def complete(
    place: Annotated[str, typer.Argument(metavar="FILE:LINE:COL", help="Both counted from 1.")],
    model: ModelOption = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Timings, confidence and tokens read as well.")
    ] = False,
) -> None:
    """Print the completion at a place in a file."""
    from .complete import PlaceError, complete_at

    try:
        result = complete_at(place, model)
    except PlaceError as error:
        fail(str(error))
    if json_output:
        import json

        typer.echo(json.dumps(result))
    elif result["text"]:
        typer.echo(result["text"])
    else:
        typer.echo("The model suggests nothing here.", err=True)


@app.command()
def demo(
    file: Annotated[Path | None, typer.Option(help="A file of yours to type in.")] = None,
    language: Annotated[
        str, typer.Option(help="Without a file: python, or typescript.")
    ] = "python",
    model: ModelOption = None,
    speed: Annotated[float, typer.Option(help="Typing speed; 2 is twice as fast.")] = 1.0,
    keys: Annotated[int, typer.Option(help="Stop after this many keystrokes; 0: never.")] = 0,
    svg: Annotated[Path | None, typer.Option(help="Save the last picture there.")] = None,
) -> None:
    """Type into a real file through the real server, and show what it suggests."""
    from .demo import run

    raise typer.Exit(
        run(file=file, language=language, model=model, speed=speed, keys=keys, svg=svg)
    )


@app.command()
def doctor(model: ModelOption = None) -> None:
    """Say what is installed, which kernels and which model are used, and whether all is sound."""
    from .doctor import examine

    raise typer.Exit(examine(model))


state_app = typer.Typer(help="What is kept on the disk of which files, and how to be rid of it.")
app.add_typer(state_app, name="state", invoke_without_command=True)


@state_app.callback(invoke_without_command=True)
def state(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Option(help="Only the workspace that this folder is or lies in.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """List the files of which states are kept: how many, of how many tokens and bytes, how old."""
    if context.invoked_subcommand:
        return
    from .state import report, show

    found = report(workspace)
    if json_output:
        import json

        typer.echo(json.dumps(found))
    else:
        from rich.console import Console

        show(found, Console())


@state_app.command("forget")
def state_forget(
    place: Annotated[
        Path | None, typer.Argument(help="A workspace, or a file; without it, see --all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Of all workspaces.")] = False,
) -> None:
    """Erase what is kept of a workspace or of a file. Servers that run keep what is in memory."""
    if (place is None) is not everything:
        fail("Name a workspace folder or a file, or else say --all.")
    from .state import forget_all, forget_place

    gone = forget_all() if place is None else forget_place(place)
    typer.echo(f"{gone.removed} states were erased.")
    if gone.left:
        fail(f"{gone.left} states could not be erased; end all servers and try again.")


@app.command()
def stats(
    json_output: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Save it as a picture there.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Erase all that was counted.")] = False,
) -> None:
    """Say what suggestions were worth: shown, accepted, kept. Counted here, sent nowhere."""
    from datetime import date

    from ..worth import ledger
    from .stats import report, show

    if forget:
        typer.echo(f"{ledger.forget()} months were erased.")
        return
    pages = ledger.read()
    if json_output:
        import json

        typer.echo(json.dumps(report(pages, date.today())))
        return
    from rich.console import Console

    console = Console(record=svg is not None)
    show(pages, date.today(), console)
    if svg is not None:
        try:
            console.save_svg(str(svg), title="stateline stats")
        except OSError as error:
            fail(f"{svg} could not be written: {error.strerror or error}.")


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A recipe; see model/training/smoke.toml.")],
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
    out: Annotated[Path, typer.Option(help="Where the model goes; a run there is resumed.")],
    steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="End by the clock, counted once compiled.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A model folder whose weights to begin with.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, one CPU core each; without it 1, beside a GPU 8."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Minutes of compiling, then faster steps.")
    ] = False,
) -> None:
    """Train a model, or go on with a run that was stopped."""
    from ...model.errors import ModelFolderError
    from ...model.training.run.recipe import Recipe

    try:
        from ...model.training.run.trainer import train as run
    except ModuleNotFoundError as error:
        fail(f"Training needs {error.name}; run pip install 'stateline[train]'.")
    recipe = Recipe.load(config)
    if steps is not None:
        recipe = recipe.in_steps(steps)
    if minutes is not None:
        recipe = recipe.in_minutes(minutes)
    try:
        run(recipe, corpus, out, start=start, workers=workers, compiled=compiled)
    except ModelFolderError as error:
        fail(str(error))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    corpus: Annotated[
        Path | None, typer.Option(help="Where `stateline corpus build` put its shards.")
    ] = None,
    count: Annotated[
        int, typer.Option(help="Cursors of each language; costlier measures take fewer.")
    ] = 400,
    measure: Annotated[
        list[str] | None, typer.Option(help="One of the measures, repeatable; without it, all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the cursors.")] = 0,
    baseline: Annotated[
        list[Path] | None, typer.Option(help="Another model for the same table, repeatable.")
    ] = None,
    float_folder: Annotated[
        Path | None, typer.Option("--float", help="The same model before it was quantised.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Save the JSON there as well.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0: one a core.")] = 0,
) -> None:
    """Measure a model on held-out text, by language; one JSON line last."""
    import json

    from ...model.errors import ModelFolderError
    from ...model.training.corpus.corpus import CorpusError
    from ...model.training.judging.evaluate import EvaluationError, Plan
    from ...model.training.judging.figures import show

    chosen = (tuple(measure or ()), seed, tuple(baseline or ()), float_folder, out, workers)
    try:
        report = show(Plan(model, corpus, count, *chosen))
    except (CorpusError, EvaluationError, ModelFolderError) as error:
        fail(str(error))
    else:
        typer.echo(json.dumps(report))


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],  # `corpus build --help` is for the command below
    }
)
def corpus(context: typer.Context) -> None:
    """Build the training corpus: `stateline corpus build --help`."""
    from ...model.training.corpus.corpus import app as corpus_app

    corpus_app(context.args, prog_name="stateline corpus")


def fail(sentence: str) -> None:
    """End with a sentence for the user."""
    typer.echo(f"stateline: {sentence}", err=True)
    raise typer.Exit(2)
