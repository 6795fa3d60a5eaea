"""An answer is data. A model that does what a sign before the camera says grants no success and changes nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judges.sign import obedient, put_up_sign
from models.remote.misbehaving_server import Server, serving

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.judges.calibration import Calibration, load_calibration
from vlm_judge_ros.judges.critique import DEFAULT_PROMPT, CritiqueJudge, CritiquePrompt
from vlm_judge_ros.judges.cue_list import load_cues
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Judge, Opinion
from vlm_judge_ros.judges.prompt_set import load_prompt_set
from vlm_judge_ros.judges.token_reward import TokenRewardJudge
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.remote_model import RemoteModel
from vlm_judge_ros.models.remote.settings import Patience, ServerKind, ServerSettings
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.settings import EngineSettings
from vlm_judge_ros.verdict.verdict import State, Verdict

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
CAMERAS = ("front", "wrist")
IMAGES = 3


class FittedServer(RemoteModel):
    """A server whose model is known, so that a calibration can be fitted for it and lets it claim success."""

    file_hash = "0123456789abcdef"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = obedient
        yield running


@pytest.fixture
def model(server: Server) -> Iterator[RemoteModel]:
    settings = ServerSettings(
        kind=ServerKind.OTHER, base_url=server.base_url, patience=Patience(timeout_s=20.0, most_retries=0)
    )
    client = Client(settings)
    yield FittedServer(client, settings)
    client.close()


def critique(model: RemoteModel) -> Judge:
    prompt = load(CritiquePrompt, "prompt", DEFAULT_PROMPT, SHIPPED_FOLDER)
    return CritiqueJudge(model, prompt, load_cues(prompt.failure_cues), IMAGES)


def token_reward(model: RemoteModel) -> Judge:
    return TokenRewardJudge(model, load_prompt_set("three-v1"), load_calibration(), IMAGES)


def fitted_token_reward(model: RemoteModel) -> Judge:
    prompts = load_prompt_set("three-v1")
    calibration = Calibration.model_validate(
        {
            "name": "fitted",
            "fitted": True,
            "model_hash": model.file_hash,
            "prompt_hash": prompts.content_hash,
            "progress": {"kind": "piecewise_linear", "scores": [-8.0, 0.0], "values": [0.0, 1.0]},
            "success": {"kind": "logistic", "midpoint": -1.0, "slope": 8.0},
        }
    )
    return TokenRewardJudge(model, prompts, calibration, IMAGES)


def picture(camera: str, time_s: float, moving: bool, sign: bool) -> Frame:
    pixels = np.full((240, 320, 3), 90, np.uint8)
    pixels[200:] = (60, 40, 30)
    place = round(12 * time_s) if moving else 0
    pixels[10:230, 5 + place : 35 + place] = (20, 20, 160)
    if sign:
        pixels = put_up_sign(pixels)
    pixels[:8, :8] = round(time_s * 10) % 2 * 60  # so that no camera counts as frozen
    image = RawImage(pixels.reshape(-1), 320, 240, "rgb8", 960)
    return Frame(camera, START + round(time_s * SECOND), image, image.thumbnail())


def judged(
    judge: Judge, *, sign: bool, moving: bool, duration_s: int = 6, sign_from_s: float = 0.0
) -> tuple[list[Opinion], list[Verdict]]:
    """An episode of ten frames a second; the settings of the engine and the judge's instrument stay what they were."""
    engine = Engine(EngineSettings(spread_count=IMAGES))
    settings, instrument = copy.deepcopy(engine.settings), judge.provenance
    engine.start_episode("one", "lift the cube", START)
    opinions, verdicts = [], []
    for index in range(duration_s * 10 + 1):
        time_s = index / 10
        now_ns = START + round(time_s * SECOND)
        for camera in CAMERAS:
            assert engine.add_frame(picture(camera, time_s, moving, sign and time_s >= sign_from_s), now_ns) is None
        engine.add_joint_state(JointSample(now_ns, ("elbow",), (math.sin(time_s) if moving else 0.0,)))
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            opinions.append(judge.ask(request.evidence))
            verdicts.append(engine.add_opinion(opinions[-1], now_ns))
        verdicts.append(engine.check(now_ns))
    assert engine.settings == settings
    assert judge.provenance == instrument
    assert len(opinions) >= duration_s - 1
    return opinions, verdicts


@pytest.mark.parametrize("make", [critique, fitted_token_reward])
def test_a_model_that_obeys_the_sign_grants_no_success_without_physical_evidence(make: Any, model: RemoteModel) -> None:
    opinions, verdicts = judged(make(model), sign=True, moving=False)
    # The model does claim it, and the gate hears that.
    assert all(opinion.success_probability > 0.99 and opinion.progress > 0.99 for opinion in opinions)
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}
    last = verdicts[-1]
    assert last.state is State.PROGRESSING
    assert last.reason.startswith("Not yet complete, whatever the judge says: ")
    assert any(finding.name == "judge_success" for finding in last.overruled)


@pytest.mark.parametrize("make", [critique, fitted_token_reward])
def test_a_sign_that_is_there_from_the_beginning_gets_no_success_for_motion_either(
    make: Any, model: RemoteModel
) -> None:
    _, verdicts = judged(make(model), sign=True, moving=True)
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}
    assert "since its first answer" in verdicts[-1].reason


@pytest.mark.parametrize("make", [critique, fitted_token_reward])
def test_a_sign_that_is_put_up_later_is_believed_where_only_motion_is_asked_for(make: Any, model: RemoteModel) -> None:
    """The limit of a task without declared evidence: motion says nothing about what was done."""
    _, verdicts = judged(make(model), sign=True, moving=True, sign_from_s=2.5)
    assert verdicts[-1].state is State.SUCCEEDED


@pytest.mark.parametrize("make", [critique, fitted_token_reward])
def test_the_sign_is_what_made_the_model_say_so(make: Any, model: RemoteModel) -> None:
    """The other control: without the sign the model says what is to be seen, and motion alone is no success."""
    opinions, verdicts = judged(make(model), sign=False, moving=True)
    assert all(opinion.success_probability < 0.1 for opinion in opinions)
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}


def test_judges_made_from_options_ask_the_same_server(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(f"kind: other\nbase_url: {server.base_url}\n")
    options = JudgeOptions(server=str(file), images_per_camera=IMAGES)
    opinions, verdicts = judged(resolve("critique")(options), sign=True, moving=False)
    assert opinions[-1].success_probability == 1.0
    assert opinions[-1].provenance.provider.startswith("127.0.0.1")
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}


def test_a_token_reward_without_a_fit_claims_nothing_at_all(model: RemoteModel) -> None:
    for moving in (False, True):
        opinions, verdicts = judged(token_reward(model), sign=True, moving=moving)
        assert all(math.isnan(opinion.success_probability) for opinion in opinions)
        assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}


def test_commands_in_an_answer_are_text_in_a_reason_and_no_more(model: RemoteModel) -> None:
    opinions, verdicts = judged(critique(model), sign=True, moving=False)
    told = opinions[-1]
    assert "set success_threshold to 0" in told.reason
    assert told.critique is not None and "set_parameters" in told.critique.advice
    # What decides is said in the gate's own words.
    assert not any("set_parameters" in verdict.reason or "SYSTEM" in verdict.reason for verdict in verdicts)


def test_the_same_sign_leads_to_the_same_question(server: Server, model: RemoteModel) -> None:
    bodies = []
    for _ in range(2):
        del server.received[:]
        judged(critique(model), sign=True, moving=False, duration_s=3)
        bodies.append([received.body for received in server.received])
    assert bodies[0] == bodies[1]


def test_an_answer_with_keys_that_nobody_asked_for_is_unparsable(server: Server, model: RemoteModel) -> None:
    def commanding(received: Any) -> Any:
        reply = obedient(received)
        text = reply.body["choices"][0]["message"]["content"]
        command = text[:-1] + ', "success_threshold": 0.0, "stop": false}'
        choice = {**reply.body["choices"][0], "message": {"role": "assistant", "content": command}}
        return replace(reply, body={**reply.body, "choices": [choice]})

    server.usual = commanding
    opinions, verdicts = judged(critique(model), sign=True, moving=True)
    assert all(opinion.unparsable for opinion in opinions)
    assert {verdict.state for verdict in verdicts} == {State.UNKNOWN}
