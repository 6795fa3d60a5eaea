"""From a judge's options to the server that runs its model."""

from __future__ import annotations

from pathlib import Path

import pydantic

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.named_file import first_fault, load
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.remote_model import RemoteModel
from vlm_judge_ros.models.remote.settings import Images, ServerSettings


def open_remote(options: JudgeOptions) -> RemoteModel:
    """Reach the server that the options name, and find out what it can do.

    Raises:
        JudgeError: an option cannot be used, or the server does not answer.
    """
    settings = server_settings(options)
    client = Client(
        settings,
        record=Path(options.record).expanduser() if options.record else None,
        replay=Path(options.replay).expanduser() if options.replay else None,
    )
    try:
        return RemoteModel(client, settings)
    except BaseException:
        client.close()
        raise


def server_settings(options: JudgeOptions) -> ServerSettings:
    """The file of the server with what the options say instead.

    Raises:
        JudgeError: there is no such file, or it or an option cannot be used.
    """
    settings = load(ServerSettings, "server", options.server, config_folder("servers"))
    told = {"size_px": options.image_size_px, "jpeg_quality": options.jpeg_quality}
    images = settings.images.model_dump() | {name: value for name, value in told.items() if value}
    try:
        checked = Images.model_validate(images)
    except pydantic.ValidationError as error:
        raise JudgeError(
            f"The images for the server {options.server} cannot be made: {first_fault(error)}; change the parameter "
            "image_size_px or jpeg_quality."
        ) from error
    return settings.model_copy(update={"images": checked, "model": options.model or settings.model})
