"""Judges whose vision-language model runs in this process."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.prompt_set import load_prompt_set
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings

USUAL_IMAGE_TOKENS = 64
"""Most tokens of an image where neither the parameters nor the settings of a known model say anything."""


def token_reward(options: JudgeOptions) -> TokenRewardJudge:
    """Make the judge `token_reward` with a model from a folder.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    if not options.model:
        raise JudgeError("The judge token_reward has no model; set the parameter model to the folder of one.")
    # What costs nothing to check comes before what takes a while to load.
    prompts = load_prompt_set(options.prompts)
    calibration = load_calibration(options.calibration)
    folder = open_folder(Path(options.model).expanduser(), options.precision)
    settings = LocalSettings(
        providers=options.providers,
        threads=options.intra_op_threads,
        image_tokens={"": USUAL_IMAGE_TOKENS, **options.image_tokens},
        max_images=options.images_per_camera * len(options.cameras),
    )
    return TokenRewardJudge(LocalModel(folder, settings), prompts, calibration, options.images_per_camera)
