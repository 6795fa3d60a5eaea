"""The models that are known by name: where they come from, and the settings that suit them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pydantic
import yaml

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.cache import cache_folder
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.precision import parse_precision

CONFIG_FOLDER = "models"
MARKER_FILE = "known_model.json"
"""Lies in a pulled folder and says which known model it is."""


class KnownModel(pydantic.BaseModel):
    """One file in `config/models/`.

    Attributes:
        name: by which people ask for it; the name of the file.
        title: for a table.
        repository: on the Hugging Face hub, as owner/name.
        revision: commit or branch of the repository.
        family: architecture.
        licence: of the original weights.
        precision: the precision of each graph that suits it, as the parameter `precision` is written.
        size_bytes: about how much a precision takes, by its name, where somebody has published that; before a download
            the hub tells exactly.
        image_tokens: most tokens of an image.
        prompts: name of its prompt set.
        calibration: name of its calibration.
        needs: what it asks of machine and user, in words.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    repository: str = pydantic.Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = pydantic.Field(min_length=1)
    family: Family
    licence: str = pydantic.Field(min_length=1)
    precision: str
    size_bytes: dict[str, pydantic.PositiveInt]
    image_tokens: pydantic.PositiveInt
    prompts: str = pydantic.Field(min_length=1)
    calibration: str = pydantic.Field(min_length=1)
    needs: str

    @pydantic.field_validator("precision")
    @classmethod
    def _precision_is_understood(cls, precision: str) -> str:
        try:
            parse_precision(precision)
        except JudgeError as error:
            raise ValueError(str(error)) from error
        return precision


@dataclass(frozen=True, slots=True)
class LocatedModel:
    """A model on this machine.

    Attributes:
        folder: where it lies.
        known: its settings, where it is one of the known models; `precision` is the one that was pulled.
    """

    folder: Path
    known: KnownModel | None


def known_models() -> dict[str, KnownModel]:
    """The known models by name, in alphabetical order.

    Raises:
        JudgeError: the files are missing, or one of them is not as it has to be.
    """
    folder = config_folder(CONFIG_FOLDER)
    return {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}


def known_model(name: str) -> KnownModel:
    """The known model of a name.

    Raises:
        JudgeError: there is none of that name.
    """
    models = known_models()
    if name not in models:
        raise JudgeError(f"No model is called {name!r}; choose one of {', '.join(models)}.")
    return models[name]


def usual_folder(name: str) -> Path:
    """Where a known model is pulled to unless another place is asked for."""
    return cache_folder() / "models" / name


def is_pulled(name: str) -> bool:
    """Whether a known model lies whole in its usual folder."""
    return _known_by_marker(usual_folder(name)) is not None


def locate(model: str) -> LocatedModel:
    """Find a model by the path of its folder or by its name.

    Args:
        model: path of a folder, or the name of a known model that has been pulled.

    Raises:
        JudgeError: it is neither, or has not been pulled yet.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return LocatedModel(path, _known_by_marker(path))
    models = known_models()
    if model not in models:
        raise JudgeError(
            f"The model {model!r} is neither a folder nor a known model; name the folder of a model, or one of "
            f"{', '.join(models)}."
        )
    folder = usual_folder(model)
    known = _known_by_marker(folder)
    if known is None:
        raise JudgeError(f"The model {model} is not on this machine; run `vlm-judge pull {model}`.")
    return LocatedModel(folder, known)


def mark(folder: Path, model: KnownModel, commit: str, precision: str) -> None:
    """Write down in a folder which known model lies there; only then is it taken for whole.

    Args:
        folder: of the model.
        model: which one it is.
        commit: of the repository.
        precision: the one that was pulled, which replaces the usual one whenever the folder is located.

    Raises:
        OSError: it cannot be written.
    """
    fields = {"name": model.name, "repository": model.repository, "commit": commit, "precision": precision}
    unfinished = folder / f"{MARKER_FILE}.{os.getpid()}"
    unfinished.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / MARKER_FILE)


def _known_by_marker(folder: Path) -> KnownModel | None:
    try:
        fields = json.loads((folder / MARKER_FILE).read_text(encoding="utf-8"))
        name, precision = fields["name"], fields["precision"]
        parse_precision(precision)
        known = known_models().get(name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return known and known.model_copy(update={"precision": precision})


def _read(path: Path) -> KnownModel:
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        return KnownModel.model_validate({**fields, "name": path.stem})
    except OSError as error:
        raise JudgeError(f"{path} cannot be read ({error.strerror}); install vlm_judge_ros again.") from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise JudgeError(f"In {path}, {name} is not usable ({first['msg']}); mend it.") from error
    except (yaml.YAMLError, TypeError) as error:
        raise JudgeError(f"{path} does not describe a model; mend it or install vlm_judge_ros again.") from error
