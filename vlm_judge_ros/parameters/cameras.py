"""The parameters that every camera has."""

from __future__ import annotations

from vlm_judge_ros.parameters.parameter import Parameter

CAMERA_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "<camera>.topic",
        "",
        "Topic of the images. Empty: <camera>/image, or <camera>/image/compressed where the transport is compressed.",
    ),
    Parameter("<camera>.transport", "raw", "Kind of message on the topic.", choices=("raw", "compressed")),
    Parameter(
        "<camera>.reliability",
        "best_effort",
        "Reliability of the subscription. best_effort also hears a reliable publisher.",
        choices=("best_effort", "reliable"),
    ),
    Parameter("<camera>.depth", 10, "Messages that wait before the oldest is dropped.", "", 1, 1000),
    Parameter(
        "<camera>.source_timeout_s",
        2.0,
        "A camera that is silent for longer is a fault. 0: never.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "<camera>.frozen_s",
        2.0,
        "A still image for so long while the joints move is a frozen camera, where it shows noise at rest or moves "
        "along. 0: never look.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "<camera>.frozen_view_s",
        10.0,
        "The same of any other camera: for so long the robot may work out of its view. 0: for ever.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "<camera>.overexposed_share",
        0.5,
        "An image of which more than this share is white for 1 s is overexposed. 0: never look.",
        "",
        0.0,
        1.0,
    ),
    Parameter(
        "<camera>.blocked_contrast",
        8,
        "An image with no contrast beyond so many grey levels for 1 s shows what covers the lens. 0: never look.",
        "",
        0,
        255,
    ),
    Parameter(
        "<camera>.blurred_share",
        0.65,
        "An image less sharp for 2 s than this share of what is usual for the camera is blurred. 0: never look.",
        "",
        0.0,
        1.0,
    ),
    Parameter(
        "<camera>.drift_s",
        0.5,
        "Longest time by which the stamps of two cameras may be apart; the larger of the two counts. 0: any.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "<camera>.image_tokens",
        0,
        "Most tokens that an image of this camera may become on board. 0: as a known model wants it, else 64.",
        "",
        0,
        16384,
    ),
)
