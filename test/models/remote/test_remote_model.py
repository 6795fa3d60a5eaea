"""A model behind an address, asked over HTTP in the ways of each kind of server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import simplejpeg
from models.remote import kinds
from models.remote.kinds import KINDS, settings_of
from models.remote.misbehaving_server import (
    MODEL,
    Received,
    Reply,
    Server,
    completion,
    half,
    large,
    never,
    no_choices,
    not_a_number,
    not_json,
    serving,
    status,
    wrong_schema,
)

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.model import Capability, require
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.dialects.dialect import SchemaForm, Way
from vlm_judge_ros.models.remote.errors import BadAnswer, Overloaded, Unreachable
from vlm_judge_ros.models.remote.model_names import is_same
from vlm_judge_ros.models.remote.remote_model import RemoteModel
from vlm_judge_ros.models.remote.settings import Images, ServerKind
from vlm_judge_ros.models.writer import Writing

PROMPT = "\nThe task is done. True or False? The answer is:"
SCHEMA = {
    "type": "object",
    "title": "Look",
    "properties": {"progress": {"type": "number", "default": 0.0}, "what": {"type": "string", "minLength": 1}},
    "required": ["what"],
}
ALL = frozenset(Capability)
WITHOUT_SCORES = ALL - {Capability.LOG_PROBABILITIES}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = kinds.answered
        yield running


def open_model(server: Server, kind: ServerKind = ServerKind.OTHER, **changes: Any) -> RemoteModel:
    settings = settings_of(server, kind, **changes)
    return RemoteModel(Client(settings), settings)


def grey(brightness: int, camera: str = "front", size: tuple[int, int] = (48, 64)) -> Frame:
    pixels = np.full((*size, 3), brightness, np.uint8)
    image = RawImage(pixels.reshape(-1), size[1], size[0], "rgb8", size[1] * 3)
    return Frame(camera, 1, image, image.thumbnail())


def jpeg(brightness: int = 90, side: int = 64, padding: bytes = b"") -> Frame:
    file = simplejpeg.encode_jpeg(np.full((side, side, 3), brightness, np.uint8), colorspace="RGB")
    image = CompressedImage(file + padding)
    return Frame("front", 1, image, image.thumbnail())


def score(model: RemoteModel, *brightnesses: int, answer: str = " True") -> float:
    content = [piece for value in brightnesses for piece in ("front camera:", grey(value))]
    result = model.score(content, [PROMPT], answer)[0]
    assert not result.is_bound
    return result.log_probability


class TestWhatAServerCanDo:
    @pytest.mark.parametrize(
        ("kind", "way"),
        [
            (ServerKind.OPENAI, Way.CHAT),
            (ServerKind.VLLM, Way.CONTINUED_ID),
            (ServerKind.LLAMA_CPP, Way.COMPLETION),
            (ServerKind.OLLAMA, Way.CHAT),
            (ServerKind.SGLANG, Way.CHAT),
            (ServerKind.TENSORRT_LLM, Way.CHAT),
            (ServerKind.OTHER, Way.CHAT),
        ],
    )
    def test_every_kind_is_scored_in_its_best_way(self, server: Server, kind: ServerKind, way: Way) -> None:
        server.usual = KINDS[kind]
        model = open_model(server, kind)
        assert (model.capabilities, model.probed.way) == (ALL, way)
        assert model.probed.schema_form is SchemaForm.JSON_SCHEMA
        assert score(model, 0, 200) == pytest.approx(8.0 * (200 / 255 - 1.0) - 0.01, abs=0.05)
        assert score(model, 200, 0) < -7.9

    def test_fields_that_are_taken_and_ignored_are_no_capability(self, server: Server) -> None:
        server.usual = kinds.transformers
        for kind in (ServerKind.TRANSFORMERS, ServerKind.OTHER, ServerKind.VLLM):
            model = open_model(server, kind, model=MODEL)
            assert model.capabilities == {Capability.TEXT, Capability.SEVERAL_IMAGES}
            assert model.probed.way is None
        with pytest.raises(
            JudgeError, match="needs log-probabilities of an answer token, which the model scripted-vlm"
        ):
            require(model, {Capability.LOG_PROBABILITIES}, "token_reward")
        with pytest.raises(JudgeError, match="gives no log-probabilities; let it write"):
            model.score(["x"], [PROMPT], " True")

    def test_a_model_that_thinks_first_refuses_and_the_status_says_so_in_its_words(self, server: Server) -> None:
        server.usual = kinds.reasoning
        model = open_model(server, ServerKind.OPENAI)
        assert model.capabilities == WITHOUT_SCORES
        assert "'logprobs' is not supported with this model" in model.status
        assert "takes no temperature" in model.status
        model.write(Writing(("Go on.",), temperature=0.7, seed=3, most_tokens=100))
        body = server.received[-1].body
        assert "temperature" not in body and body["max_completion_tokens"] > 1000

    def test_a_model_without_images_is_still_asked_for_text(self, server: Server) -> None:
        server.usual = kinds.text_only
        model = open_model(server)
        assert model.capabilities == ALL - {Capability.SEVERAL_IMAGES}
        assert "This model takes no images." in model.status

    def test_a_shorter_list_is_taken_where_the_long_one_is_refused(self, server: Server) -> None:
        def at_most_five(received: Received) -> Reply:
            if received.body.get("top_logprobs", 0) > 5:
                return status(400, "top_logprobs is at most 5")
            return kinds.answered(received)

        server.usual = at_most_five
        model = open_model(server, ServerKind.OPENAI)
        assert score(model, 128) < 0.0
        assert server.received[-1].body["top_logprobs"] == 5

    def test_a_model_that_is_not_to_be_cut_off_after_one_token_writes_a_few(self, server: Server) -> None:
        def patient(received: Received) -> Reply:
            if received.body.get("max_completion_tokens", 16) < 16:
                return status(400, "max_completion_tokens is at least 16")
            return kinds.answered(received)

        server.usual = patient
        model = open_model(server, ServerKind.OPENAI)
        assert score(model, 128) < 0.0
        assert server.received[-1].body["max_completion_tokens"] == 16

    def test_an_older_vllm_without_token_ids_is_asked_by_text(self, server: Server) -> None:
        def older(received: Received) -> Reply:
            return status(404, "Not Found") if received.path == "/tokenize" else kinds.answered(received)

        server.usual = older
        model = open_model(server, ServerKind.VLLM)
        assert model.probed.way is Way.CONTINUED
        assert server.received[-1].body.get("continue_final_message") is None  # the last question was about JSON
        score(model, 10)
        assert server.received[-1].body["continue_final_message"] is True

    def test_what_only_holds_to_json_is_used_and_not_taken_for_a_schema(self, server: Server) -> None:
        def json_only(received: Received) -> Reply:
            if received.body.get("response_format", {}).get("type") == "json_schema":
                return status(400, "response_format json_schema is not supported")
            return kinds.answered(received)

        server.usual = json_only
        model = open_model(server)
        assert model.capabilities == ALL - {Capability.SCHEMA}
        model.write(Writing(("Look.",), schema=SCHEMA))
        assert server.received[-1].body["response_format"] == {"type": "json_object"}

    def test_a_few_small_questions_are_all_that_it_costs(self, server: Server) -> None:
        open_model(server, ServerKind.OPENAI)
        assert [request.method for request in server.received] == ["GET", "POST", "POST", "POST", "POST"]
        assert max(len(json.dumps(request.body)) for request in server.received) < 4000

    def test_a_server_that_is_not_there_is_an_error_and_no_missing_capability(self, server: Server) -> None:
        server.stop()
        with pytest.raises(Unreachable, match="cannot be reached"):
            open_model(server)
        server.start()

    def test_a_server_that_fails_while_it_is_asked_is_an_error_too(self, server: Server) -> None:
        server.usual = lambda received: status(503) if received.body.get("logprobs") else kinds.answered(received)
        with pytest.raises(Overloaded):
            open_model(server)

    @pytest.mark.parametrize("reply", [no_choices(), wrong_schema(), not_json()], ids=["choices", "schema", "json"])
    def test_a_server_without_sensible_answers_is_an_error(self, server: Server, reply: Reply) -> None:
        server.usual = lambda received: reply
        with pytest.raises(BadAnswer):
            open_model(server)


class TestNames:
    def test_a_name_that_is_not_served_is_told_with_those_that_are(self, server: Server) -> None:
        server.models = ("qwen3-vl-2b", "smolvlm")
        with pytest.raises(
            JudgeError, match=r"has no model 'qwen3-vl-4b'; set the parameter model to one of qwen3-vl-2b"
        ):
            open_model(server, model="qwen3-vl-4b")

    def test_the_only_model_needs_no_name(self, server: Server) -> None:
        assert open_model(server).name == MODEL
        assert server.received[-1].body["model"] == MODEL

    def test_of_several_models_one_has_to_be_named(self, server: Server) -> None:
        server.models = ("a", "b")
        with pytest.raises(JudgeError, match=r"No model is named .* one of a, b"):
            open_model(server)

    def test_a_version_of_the_model_that_was_asked_for_is_that_model(self, server: Server) -> None:
        server.usual = lambda received: completion(model=f"{MODEL}-2026-04-14")
        model = open_model(server, model=MODEL)
        assert model.name == f"{MODEL}-2026-04-14"
        assert (model.provider, model.file_hash) == (f"127.0.0.1:{server.port}", "")

    def test_the_answer_of_another_model_is_an_error(self, server: Server) -> None:
        server.usual = lambda received: completion(model=f"{MODEL}-mini")
        with pytest.raises(JudgeError, match=f"asked for the model '{MODEL}' and says that '{MODEL}-mini' answered"):
            open_model(server)

    def test_a_model_that_changes_behind_the_name_is_an_error(self, server: Server) -> None:
        model = open_model(server)
        server.next(completion("x", model=f"{MODEL}-2027-01-01"))
        with pytest.raises(JudgeError, match="2027-01-01' now; start the judge again"):
            model.write(Writing(("Look.",)))

    def test_a_list_of_models_that_fails_is_done_without(self, server: Server) -> None:
        server.next(status(500))
        assert open_model(server, model=MODEL).name == MODEL

    def test_a_name_that_is_no_name_is_refused(self, server: Server) -> None:
        server.usual = lambda received: completion(model="a\nb")
        with pytest.raises(BadAnswer, match="names its model with 3 odd characters"):
            open_model(server, ServerKind.AZURE, base_url=server.base_url, model=MODEL)

    def test_the_deployment_of_azure_may_be_called_as_one_likes(self, server: Server) -> None:
        server.models = ("mine",)
        server.usual = lambda received: completion(model="gpt-4o-2024-11-20")
        model = open_model(server, ServerKind.AZURE, base_url=server.base_url, model="mine")
        assert model.name == "gpt-4o-2024-11-20"


@pytest.mark.parametrize(
    ("asked", "told", "same"),
    [
        ("gpt-4.1", "gpt-4.1-2025-04-14", True),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ("gpt-4.1", "gpt-4.1-mini-2025-04-14", False),
        ("gemma3", "gemma3:latest", True),
        ("gemma3", "gemma3:27b", False),
        ("/models/tiny", "/models/tiny@main", True),
        ("Qwen/Qwen3-VL-2B", "Qwen3-VL-2B", True),
        ("Qwen/Qwen3-VL-2B", "Other/Qwen3-VL-2B", False),
        ("a", "A", False),
    ],
)
def test_a_name_with_a_version_is_the_same_and_a_sibling_is_not(asked: str, told: str, same: bool) -> None:
    assert is_same(asked, told) is same


class TestScores:
    def test_an_answer_outside_the_list_is_a_bound(self, server: Server) -> None:
        model = open_model(server)
        server.next(completion("It", top=[("It", -0.5), ("The", -1.5), ("A", -4.0)]))
        score = model.score([grey(9)], [PROMPT], " True")[0]
        assert score.is_bound
        assert score.log_probability == -4.0

    @pytest.mark.parametrize(
        "reply",
        [
            not_a_number(),
            completion(top=[("True", 0.5)]),
            completion(),
            no_choices(),
            wrong_schema(),
            not_json(),
            half(completion(top=[("True", -0.1)])),
            large(),
        ],
        ids=["NaN", "positive", "no log-probabilities", "no choices", "schema", "no JSON", "half", "large"],
    )
    def test_an_answer_that_is_none_is_an_error_and_no_score(self, server: Server, reply: Reply) -> None:
        model = open_model(server)
        server.next(reply)
        with pytest.raises(BadAnswer):
            model.score([grey(9)], [PROMPT], " True")

    def test_many_prompts_go_out_a_few_at_a_time_with_the_images_first(self, server: Server) -> None:
        model = open_model(server, most_in_flight=3)
        before = len(server.received)
        prompts = [f"\nPrompt {number}:" for number in range(10)]
        scores = model.score(["front camera:", grey(80), "\nwrist camera:", grey(80, "wrist")], prompts, " True")
        assert len(scores) == 10 and len({score.log_probability for score in scores}) == 1
        assert server.most_at_once <= 3
        bodies = [request.body for request in server.received[before:]]
        assert {body["messages"][-1]["content"][-1]["text"] for body in bodies} == set(prompts)
        for body in bodies:
            types = [part["type"] for part in body["messages"][-1]["content"]]
            assert types == ["text", "image_url", "text", "image_url", "text"]

    def test_a_server_that_keeps_what_it_read_gets_the_first_prompt_alone(self, server: Server) -> None:
        server.usual = kinds.llama_cpp
        model = open_model(server, ServerKind.LLAMA_CPP, most_in_flight=8)
        was_read = threading.Event()
        early: list[str] = []

        def reading(received: Received) -> Reply:
            if received.path == "/completion":
                prompt = received.body["prompt"]["prompt_string"]
                if not prompt.endswith("Prompt 0:") and not was_read.is_set():
                    early.append(prompt)
                was_read.set()
            return kinds.llama_cpp(received)

        server.usual = reading
        assert len(model.score([grey(80)], [f"\nPrompt {number}:" for number in range(6)], " True")) == 6
        assert early == []

    def test_the_marker_of_an_image_in_a_text_is_refused(self, server: Server) -> None:
        server.usual = kinds.llama_cpp
        model = open_model(server, ServerKind.LLAMA_CPP)
        with pytest.raises(JudgeError, match="which stands for an image"):
            model.score([grey(9)], ["open <__media_7__> the drawer"], " True")

    def test_a_raw_prompt_holds_a_marker_for_every_image(self, server: Server) -> None:
        server.usual = kinds.llama_cpp
        model = open_model(server, ServerKind.LLAMA_CPP)
        model.score(["front camera:", grey(80), "\nwrist camera:", grey(90)], [PROMPT], " True")
        prompt = server.received[-1].body["prompt"]
        assert prompt["prompt_string"] == f"front camera:<__media_7__>\nwrist camera:<__media_7__>{PROMPT}"
        assert len(prompt["multimodal_data"]) == 2

    def test_an_answer_that_is_no_single_token_is_refused_where_ids_are_compared(self, server: Server) -> None:
        server.usual = kinds.vllm
        model = open_model(server, ServerKind.VLLM)
        with pytest.raises(BadAnswer, match="no single token for 'Undoubtedly'"):
            model.score([grey(9)], [PROMPT], " Undoubtedly")

    def test_a_running_question_is_cancelled(self, server: Server) -> None:
        model = open_model(server)
        server.next(never())
        asked = len(server.received)
        failures: list[JudgeError] = []

        def ask() -> None:
            try:
                model.score([grey(9)], [PROMPT], " True")
            except JudgeError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        server.wait_for(asked + 1)
        model.cancel()
        thread.join(20.0)
        assert [type(failure) for failure in failures] == [Cancelled]
        assert model.score([grey(9)], [PROMPT], " True")


class TestWriting:
    def test_all_that_is_told_arrives(self, server: Server) -> None:
        model = open_model(server, extra={"chat_template_kwargs": {"enable_thinking": False}})
        written = model.write(
            Writing(
                ("See:", grey(5), "\nWhat is it?"), instruction="Be brief.", temperature=0.5, seed=7, most_tokens=99
            )
        )
        body = server.received[-1].body
        assert (written.text, written.complete) == ("True", True)
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert kinds.parts(body, "text") == ["See:", "\nWhat is it?"]
        assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.5, 7, 99)
        assert body["chat_template_kwargs"] == {"enable_thinking": False}

    def test_a_schema_is_held_strictly(self, server: Server) -> None:
        model = open_model(server)
        written = model.write(Writing(("Look.",), schema=SCHEMA))
        assert json.loads(written.text) == {"progress": 0.5, "what": "word"}
        form = server.received[-1].body["response_format"]["json_schema"]
        assert form["strict"] is True
        assert form["schema"]["required"] == ["progress", "what"]
        assert form["schema"]["additionalProperties"] is False

    def test_an_answer_that_was_cut_off_says_so(self, server: Server) -> None:
        model = open_model(server)
        server.next(completion("The robot has", finish_reason="length"))
        assert not model.write(Writing(("Look.",))).complete

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"finish_reason": "content_filter"}, "A filter of the server"),
            (
                {"message": {"role": "assistant", "content": None, "refusal": "I will\nnot."}},
                'refused to answer: "I will not."',
            ),
            ({"message": {"role": "assistant"}}, "holds no text"),
            ({"message": None}, "holds no message"),
        ],
    )
    def test_an_answer_without_text_is_an_error(self, server: Server, change: dict[str, Any], words: str) -> None:
        model = open_model(server)
        reply = completion()
        reply.body["choices"][0] |= change
        server.next(reply)
        with pytest.raises(JudgeError, match=words):
            model.write(Writing(("Look.",)))


class TestImages:
    def sent(self, server: Server, frame: Frame, **images: int) -> bytes:
        model = open_model(server, images=Images(**images))
        model.write(Writing((frame, "Look.")))
        url = kinds.parts(server.received[-1].body, "image_url")[0]
        assert url.startswith("data:image/jpeg;base64,")
        return base64.b64decode(url.partition(",")[2])

    def test_a_compressed_frame_that_fits_goes_out_byte_for_byte(self, server: Server) -> None:
        frame = jpeg(padding=b"\0" * 7)
        assert isinstance(frame.image, CompressedImage)
        assert self.sent(server, frame, size_px=64) == frame.image.file()

    @pytest.mark.parametrize(
        ("side", "limits"), [(640, {"size_px": 320}), (1000, {"size_px": 2000, "most_bytes": 1024})]
    )
    def test_one_that_does_not_is_made_smaller(self, server: Server, side: int, limits: dict[str, int]) -> None:
        sent = self.sent(server, jpeg(side=side), **limits)
        height, width, *_ = simplejpeg.decode_jpeg_header(sent)
        assert height == width == min(side, limits["size_px"])

    def test_proportions_stay(self, server: Server) -> None:
        sent = self.sent(server, grey(50, size=(480, 640)), size_px=320)
        assert simplejpeg.decode_jpeg_header(sent)[:2] == (240, 320)

    def test_a_frame_is_encoded_once_for_all_prompts_and_again_only_when_it_was_not_shown(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = open_model(server)
        encoded = _counted(monkeypatch)
        first, second = grey(10), grey(20)
        model.score([first], [PROMPT] * 10, " True")
        model.score([first, second], [PROMPT] * 10, " True")
        assert len(encoded) == 2
        model.score([second], [PROMPT], " True")
        model.score([first], [PROMPT], " True")
        assert len(encoded) == 3


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    from vlm_judge_ros.models.remote import images

    encoded: list[int] = []
    usual: Callable[..., str] = images.data_url

    def counting(frame: Frame, settings: Images) -> str:
        encoded.append(frame.stamp_ns)
        return usual(frame, settings)

    monkeypatch.setattr(images, "data_url", counting)
    return encoded


def test_a_replayed_recording_gives_the_same_scores_without_the_server(server: Server, tmp_path: Any) -> None:
    settings = settings_of(server)
    frames = [grey(30), grey(190)]
    with Client(settings, record=tmp_path / "exchanges.jsonl") as client:
        recorded = RemoteModel(client, settings).score(frames, [PROMPT, "\nOther:"], " True")
    server.stop()
    with Client(settings, replay=tmp_path / "exchanges.jsonl") as client:
        model = RemoteModel(client, settings)
        again = [Frame(frame.camera, frame.stamp_ns, frame.image, frame.thumbnail) for frame in frames]
        assert model.score(again, [PROMPT, "\nOther:"], " True") == recorded
    server.start()
