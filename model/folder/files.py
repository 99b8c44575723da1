"""A model folder: which files it has, and whether they can be trusted to be what they seem.

Owns the file names of the published layouts, reading their JSON, and the fingerprint of a model.
Knows no torch, no tensors and no meaning of a config's keys (`architectures` does).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import ModelFolderError, quoted
from .architectures import Config, sizes_in

_CONFIGS = ("config.json", "params.json")
_INDEX = "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "consolidated*.pth", "model*.pt", "model*.pth")
_MAX_JSON_BYTES = 16 * 2**20

# Up to this size a weights file is hashed whole: about 0.1 s. A larger one is sampled.
_WHOLE_FILE_BYTES = 64 * 2**20
_MAX_HEADER_BYTES = 100_000_000  # safetensors refuses longer ones
_SAMPLES = 64
_SAMPLE_BYTES = 256 * 2**10


def read_config(folder: Path) -> Config:
    """The sizes of the model in `folder`, from config.json or else params.json.

    Raises `ModelFolderError` when there is none, or it is not one of an architecture that is known.
    """
    _require_folder(folder)
    for name in _CONFIGS:
        if _is_file(folder / name):
            return sizes_in(_read_json(folder / name), str(folder / name))
    raise ModelFolderError(
        f"{folder} has no config.json (or Mistral's params.json); "
        "choose a folder with the complete model in it."
    )


def tokenizer_path(folder: Path) -> Path:
    """The tokenizer.json of the model in `folder`; raises `ModelFolderError` without one."""
    _require_folder(folder)
    path = folder / "tokenizer.json"
    if not _is_file(path):
        raise ModelFolderError(
            f"{folder} has no tokenizer.json; copy into it the tokenizer.json that this model was "
            "trained with (a tokenizer.model or vocab file is not enough)."
        )
    return path


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of the model in `folder`, in a stable order.

    The whole file comes before shards and both before Mistral's, as a folder may have all three
    and transformers looks in that order. Raises `ModelFolderError`.
    """
    _require_folder(folder)
    if _is_file(folder / "model.safetensors"):
        return (folder / "model.safetensors",)
    if _is_file(folder / _INDEX):
        return _shards(folder)
    if _is_file(folder / "consolidated.safetensors"):
        return (folder / "consolidated.safetensors",)
    raise _no_weights(folder)


def fingerprint(folder: Path) -> str:
    """32 hexadecimal digits that change when the model or its tokenizer does; for cache keys.

    Covers the config's numbers, the tokenizer and the weights. Weights files above 64 MiB are
    covered by their header, size, time of change and 64 samples, since reading 15 GB at every
    start would cost more than the cache saves. Raises `ModelFolderError`.
    """
    digest = hashlib.blake2b(repr(read_config(folder)).encode(), digest_size=16)
    for path in (tokenizer_path(folder), *weight_files(folder)):
        try:
            digest.update(_file_digest(path))
        except OSError as error:
            raise _unreadable(path, error) from error
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    stat = path.stat()
    with path.open("rb") as file:
        if stat.st_size <= _WHOLE_FILE_BYTES:
            return hashlib.file_digest(file, "blake2b").digest()
        # A few changed rows may lie between two samples, so the time of change counts as well.
        digest = hashlib.blake2b(f"{stat.st_size} {stat.st_mtime_ns}".encode())
        header_bytes = int.from_bytes(file.read(8), "little")
        digest.update(file.read(min(header_bytes, _MAX_HEADER_BYTES)))
        for sample in range(_SAMPLES):
            file.seek((stat.st_size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
        return digest.digest()


def _require_folder(folder: Path) -> None:
    try:
        is_folder, exists = folder.is_dir(), folder.exists()
    except OSError as error:
        raise _unreadable(folder, error) from error
    if is_folder:
        return
    if exists:
        raise ModelFolderError(f"{folder} is a file; give the model folder that contains it.")
    raise ModelFolderError(f"{folder} does not exist; check the path of the model folder.")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelFolderError:
    return ModelFolderError(
        f"{path} cannot be read ({error.strerror or error}); check its permissions."
    )


def _read_json(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelFolderError(
                f"{path} is too large for what it should hold; download it again."
            )
        # Bare Infinity is accepted, since published configs have it, though it is not strict JSON.
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} is not valid JSON; download it again.") from error
    if not isinstance(values, dict):
        raise ModelFolderError(f"{path} does not hold a JSON object; download it again.")
    return values


def _shards(folder: Path) -> tuple[Path, ...]:
    weight_map = _read_json(folder / _INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelFolderError(f"{folder / _INDEX} has no weight_map; download it again.")
    names = list(weight_map.values())
    for name in names:
        if not isinstance(name, str) or not _is_plain_name(name):
            raise ModelFolderError(
                f"{folder / _INDEX} names the shard {quoted(name)}, which is not the plain name of "
                "a safetensors file beside it; download the index again."
            )
    shards = tuple(folder / name for name in sorted(set(names)))
    for shard in shards:
        if not _is_file(shard):
            raise ModelFolderError(f"{folder} lacks the shard {quoted(shard.name)}; download it.")
    return shards


def _is_plain_name(name: str) -> bool:
    """True for a name that stays in the folder, on every system.

    Only the name is judged, not where a link of that name leads: a Hugging Face cache consists of
    links out of the folder, and whoever can place a link there could place the file as well.
    """
    names = (PurePosixPath(name).name, PureWindowsPath(name).name)
    return names == (name, name) and name.endswith(".safetensors")


def _no_weights(folder: Path) -> ModelFolderError:
    pattern = next((pattern for pattern in _PICKLES if any(folder.glob(pattern))), None)
    if pattern is None:
        return ModelFolderError(
            f"{folder} has no model.safetensors; choose a folder with the complete model in it, "
            "in safetensors format."
        )
    # The command holds our pattern and not the names it found: it will be pasted into a shell.
    return ModelFolderError(
        f"{folder} has its weights only as pickles, which can run code when loaded; convert them "
        'by running this in that folder: python -c "import glob, torch, safetensors.torch as s; '
        f"s.save_file({{k: t.clone().contiguous() for f in glob.glob('{pattern}') "
        "for k, t in torch.load(f, map_location='cpu', weights_only=True).items()}, "
        "'model.safetensors')\""
    )
