"""Judges whose vision-language model runs in this process."""

from __future__ import annotations

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.prompt_set import load_prompt_set
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.known import locate
from vlm_judge_ros.models.vlm.limits import usual_image_tokens
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings


def token_reward(options: JudgeOptions) -> TokenRewardJudge:
    """Make the judge `token_reward`; what the options leave open is as a known model wants it.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    if not options.model:
        raise JudgeError(
            "The judge token_reward has no model; set the parameter model to the folder of one, or to a name that "
            "`vlm-judge models` lists."
        )
    located = locate(options.model)
    known = located.known
    # What costs nothing to check comes before what takes a while to load.
    prompts = load_prompt_set(options.prompts or (known.prompts if known else ""))
    calibration = load_calibration(options.calibration or (known.calibration if known else ""))
    folder = open_folder(located.folder, options.precision or (known.precision if known else ""))
    usual = known.image_tokens if known else usual_image_tokens(folder)
    settings = LocalSettings(
        providers=options.providers,
        threads=options.intra_op_threads,
        image_tokens={"": usual, **options.image_tokens},
        gpu_memory_mb=options.gpu_memory_mb,
        max_images=options.images_per_camera * len(options.cameras),
    )
    model = LocalModel(folder, settings)
    return TokenRewardJudge(model, prompts, calibration, options.images_per_camera, model.status)
