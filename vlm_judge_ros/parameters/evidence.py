"""Parameters of the clips around failures."""

from __future__ import annotations

from vlm_judge_ros.parameters.parameter import Parameter

EVIDENCE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter("evidence", True, "Keep a clip of what was seen around each confirmed failure; see evidence.md."),
    Parameter(
        "evidence_folder",
        "",
        "Folder of the clips. Empty: vlm_judge_ros/clips in XDG_STATE_HOME, or in ~/.local/state.",
    ),
    Parameter("evidence_before_s", 8.0, "Seconds of a clip before the failure is confirmed.", "s", 0.5, 120.0),
    Parameter("evidence_after_s", 4.0, "Seconds of a clip after that.", "s", 0.0, 60.0),
    Parameter("evidence_image_hz", 4.0, "Images a second of each camera that are kept.", "Hz", 0.1, 60.0),
    Parameter(
        "evidence_buffer_mb",
        96,
        "Most memory for what is kept before a failure, and as much again for each of the at most three clips that are "
        "collected, waiting and being written.",
        "MB",
        1,
        8192,
    ),
    Parameter(
        "evidence_clip_mb",
        64,
        "Most bytes of one clip on disk. A larger one loses every second image until it fits, then its oldest "
        "messages.",
        "MB",
        1,
        8192,
    ),
    Parameter(
        "evidence_total_mb",
        1024,
        "Most bytes of all clips in the folder. The oldest make way, never those of the running episode.",
        "MB",
        1,
        100_000,
    ),
)
