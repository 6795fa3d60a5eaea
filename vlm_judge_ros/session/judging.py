"""What the node does between messages: episodes, questions, answers. No ROS in here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import JudgeCard
from vlm_judge_ros.judges.worker import WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Down, Event, Ready, ScoringEvent, Unanswered
from vlm_judge_ros.session.asked_judge import AskedJudge
from vlm_judge_ros.session.candidate_scoring import CandidateScoring, Done, ScoringOptions, placed_in_time
from vlm_judge_ros.session.halting import reason_to_halt
from vlm_judge_ros.session.latched_signals import LatchedSignals
from vlm_judge_ros.session.outlet import Outlet
from vlm_judge_ros.session.requests import usable_episode_id, usable_task
from vlm_judge_ros.session.sameness import what_counts
from vlm_judge_ros.steering.bounds import check_request
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.signal_veto import SignalVetoes
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_set import TaskSet
from vlm_judge_ros.tasks.words import same_words
from vlm_judge_ros.verdict.engine import Engine, EngineSettings
from vlm_judge_ros.verdict.verdict import Verdict

CHECK_TICKS = 4
"""All layers are weighed at every fourth tick, and whenever something happens."""

_GRACE_S = 60.0
_DISABLED = "Judging is switched off; call ~/enable with true to switch it on."


@dataclass(slots=True)
class JudgingOptions:
    """What may be changed while judging.

    Attributes:
        deadline_s: an answer that takes longer is dropped.
        auto_episode: start an episode as soon as a task is set and a camera delivers.
        review_deadline_s: the same as `deadline_s` for a review.
        tries: how often a question is asked whose judge's process ends over it, where answers are waited for; 0 leaves
            it without an answer.
    """

    deadline_s: float = 2.0
    auto_episode: bool = True
    review_deadline_s: float = 20.0
    tries: int = 0


class Judging:
    """Feeds the engine and the judges' processes, and hands on what comes out.

    All calls come from one thread. None of them waits for a model, except `wait_until_ready`.

    Args:
        engine_settings: settings of the engine.
        worker_settings: which judge, and how to run it.
        options: what may be changed while judging.
        outlet: where results go.
        wake: called from another thread when a judge's process has news; `take_news` is then to be called.
        review_settings: which judge reviews; None for none.
        tasks: the tasks that may be set; where it is empty, any text is a task that declares nothing.
        card: what the judge is said to be worth, see `AskedJudge`; None where nobody says.
        scoring: how requests to choose among candidates are answered.
    """

    def __init__(
        self,
        engine_settings: EngineSettings,
        worker_settings: WorkerSettings,
        options: JudgingOptions,
        outlet: Outlet,
        wake: Callable[[], None],
        review_settings: WorkerSettings | None = None,
        tasks: TaskSet | None = None,
        card: JudgeCard | None = None,
        scoring: ScoringOptions | None = None,
    ) -> None:
        cameras = engine_settings.camera_names
        self._engine_settings = engine_settings
        self.engine = Engine(engine_settings)
        self.judge = AskedJudge(worker_settings, cameras, wake, card)
        self.review = AskedJudge(review_settings, cameras, wake) if review_settings is not None else None
        self.scoring = CandidateScoring(self.judge, wake, scoring or ScoringOptions())
        self.options = options
        self.tasks = tasks or TaskSet()
        self.task = ""
        self.declared: Task | None = None
        self.enabled = True
        self.active = False
        self._outlet = outlet
        self._episodes = 0
        self._clock_jumps = 0
        self._ticks = 0
        self._latched = LatchedSignals()
        self._published: tuple[object, ...] = ()

    def wait_until_ready(self, keep_waiting: Callable[[], bool]) -> None:
        """Wait until every judge has answered its first question.

        Raises:
            JudgeError: one cannot be used, or `keep_waiting` has become false.
        """
        self.judge.wait_until_ready(keep_waiting)
        if self.judge.card_warning:
            self._outlet.warn(self.judge.card_warning)
        if self.review is not None:
            try:
                self.review.wait_until_ready(keep_waiting)
            except JudgeError as error:
                raise JudgeError(f"The review cannot be used. {error}") from error

    def close(self) -> None:
        """End the judges' processes."""
        self.scoring.close()
        for asked in self._asked:
            asked.worker.close()

    def forget_all(self, engine_settings: EngineSettings | None = None) -> None:
        """Forget all episodes, cameras and clocks, as if no message had come yet; the judges stay as they are.

        Args:
            engine_settings: of the engine from now on, with the same cameras; None for those that it was made with.

        Raises:
            JudgeError: an episode runs.
        """
        if self.engine.episode_id:
            raise JudgeError(f"Episode {self.engine.episode_id} is running; end it first.")
        self._forget()
        self.engine = Engine(engine_settings or self._engine_settings)
        self._latched = LatchedSignals()
        self._clock_jumps = 0
        self._ticks = 0
        self._published = ()

    def activate(self, now_ns: int) -> None:
        """Begin to judge."""
        self.active = True
        self._publish(self.engine.check(now_ns), always=True)

    def deactivate(self, now_ns: int) -> None:
        """Cease to judge; a running episode ends."""
        if self.engine.episode_id:
            self.end_episode("", now_ns)
        self._forget()
        self.active = False

    # What comes in

    def add_frame(self, frame: Frame, now_ns: int) -> FrameFault | None:
        """Take a frame; returns why it is not used, None where it is."""
        fault = self.engine.add_frame(frame, now_ns)
        self._look_for_jump(now_ns)
        if fault is None and not self.engine.episode_id and self.options.auto_episode and self.task:
            self._start("", self.task, frame.stamp_ns)
        self._weigh_if_urgent(now_ns)
        return fault

    def reject_frame(self, camera: str, fault: FrameFault, now_ns: int) -> None:
        """Count a frame that could not be read."""
        self.engine.reject_frame(camera, fault, now_ns)

    def add_joint_state(self, sample: JointSample) -> None:
        """Take joint states; where the engine is urgent then, `weigh` is to be called."""
        self.engine.add_joint_state(sample)

    def add_signals(self, sample: SignalSample) -> None:
        """Take the signals of one message; where the engine is urgent then, `weigh` is to be called."""
        self.engine.add_signals(sample)

    def remember_signals(self, task: str, sample: SignalSample, latched: Collection[str]) -> None:
        """Keep what the latched signals of a task say, for its episodes to come."""
        self._latched.remember(task, sample, latched)

    def add_chunk(self, chunk: Chunk, now_ns: int) -> None:
        """Take an announced chunk."""
        self.engine.add_chunk(chunk)
        self._weigh_if_urgent(now_ns)

    def weigh(self, now_ns: int) -> None:
        """Weigh everything at once: a stop must not wait for the next tick."""
        self._publish(self.engine.check(now_ns))

    def tick(self, now_ns: int) -> None:
        """Let time pass: ask what is due, and notice what has gone silent."""
        self.ask_due(now_ns)
        self.scoring.tick()
        self._ticks += 1
        if self._ticks % CHECK_TICKS == 0:
            self.weigh(now_ns)

    def ask_due(self, now_ns: int) -> None:
        """Ask what is due."""
        request = self.engine.due(now_ns)
        self._look_for_jump(now_ns)
        if request is not None and request.evidence is not None and self.enabled:
            self.judge.ask(request.evidence, self.options.deadline_s)
        review = self.engine.due_review(now_ns)
        if review is not None and not self.enabled:
            self.engine.add_review_fault(now_ns, _DISABLED)
        elif review is not None and self.review is not None:
            self.review.ask(review.evidence, self.options.review_deadline_s)

    def ask_once_more(self, now_ns: int) -> None:
        """Ask out of turn, where the cameras have shown something since the newest answer."""
        evidence = self.engine.evidence(now_ns)
        progress = self.engine.progress
        if evidence is None or not self.enabled:
            return
        if progress is None or progress.opinion.evidence.now_ns < evidence.now_ns:
            self.judge.ask(evidence, self.options.deadline_s)

    def await_answers(self, now_ns: int) -> None:
        """Wait for the answer to every question, and take them as if they had come at once.

        For recordings alone: on a robot nobody waits for a model.

        Raises:
            JudgeLost: a judge's process ended over a question as often as it may be asked.
        """
        options = self.options
        while self.judge.waiting or (self.review is not None and self.review.waiting):
            for event in self.judge.await_answer(options.deadline_s + _GRACE_S, options.tries):
                self._take(event, now_ns)
            if self.review is not None:
                for event in self.review.await_answer(options.review_deadline_s + _GRACE_S, options.tries):
                    self._take_of_review(event, now_ns)
            # An answer may make a review due.
            self.ask_due(now_ns)

    def take_news(self, now_ns: int) -> None:
        """Take what the judges' processes have sent, and what was prepared for them."""
        self.scoring.take_news()
        for event in self.judge.news():
            self._take(event, now_ns)
        for event in self.review.news() if self.review is not None else ():
            self._take_of_review(event, now_ns)

    # What people ask for

    def usable_task(self, task: str) -> str:
        """The instruction that a text asks for: the text itself, and of a task of a file that is named, its own.

        Raises:
            JudgeError: it cannot be used, or there are task files and none declares it.
        """
        task = usable_task(task)
        if not self.tasks:
            return task
        declared = self.tasks.find(task)
        return declared.instruction if same_words(task) == same_words(declared.name) else task

    def set_task(self, task: str, restart: bool, now_ns: int) -> None:
        """Set the task for the episodes to come; with `restart` also end the running one and start a new one.

        Raises:
            JudgeError: the task cannot be used, or the node is not active; nothing was changed.
        """
        task = self.usable_task(task)
        if restart:
            self.start_episode("", task, now_ns)
        self.task = task

    def replace_task(self, task: str, now_ns: int) -> None:
        """Take a task that a topic or a parameter tells: the same again changes nothing, another one starts anew.

        Raises:
            JudgeError: the task cannot be used; nothing was changed.
        """
        if self.usable_task(task) != self.task:
            self.set_task(task, self.options.auto_episode and bool(self.engine.episode_id), now_ns)

    def start_episode(self, episode_id: str, task: str, now_ns: int) -> str:
        """Start an episode; a running one is ended first. Returns its name.

        Raises:
            JudgeError: name or task cannot be used, or the node is not active; nothing was changed.
        """
        if not self.active:
            raise JudgeError("The node is not active; activate it first.")
        episode_id = usable_episode_id(episode_id)
        if not task and not self.task:
            raise JudgeError("No task is set; name one in the request, on the topic task or with ~/set_task.")
        task = self.usable_task(task or self.task)
        self.engine.check(now_ns)
        self._look_for_jump(now_ns)
        if self.engine.episode_id:
            self.end_episode("", now_ns)
        self.task = task
        return self._start(episode_id, task, now_ns)

    def end_episode(self, episode_id: str, now_ns: int) -> Verdict:
        """End the running episode and return its last verdict.

        Raises:
            JudgeError: it is not the one that runs, or none runs.
        """
        running = self.engine.episode_id
        if not running:
            raise JudgeError("No episode is running; start one with ~/start_episode.")
        if episode_id not in ("", running):
            raise JudgeError(f"Episode {episode_id} is not running; the one that runs is {running}.")
        self._forget()
        last = self.engine.end_episode(now_ns)
        self.declared = None
        self._publish(last)
        self._outlet.note(f"Episode {running} ended: {last.state.name}. {last.reason}")
        self._publish(self.engine.verdict)
        return last

    def score_candidates(self, request: ScoringRequest, now_ns: int, done: Done) -> None:
        """Have candidates for the next chunk scored while everything else goes on; see `CandidateScoring.begin`.

        Args:
            request: what is asked; whatever a stranger sends.
            now_ns: the node clock.
            done: gets the answer, or why there is none after all.

        Raises:
            JudgeError: it cannot be answered now.
        """
        if not self.engine.episode_id:
            raise JudgeError("No episode is running; start one with ~/start_episode.")
        if not self.enabled:
            raise JudgeError(_DISABLED)
        check_request(request.candidates, self._engine_settings.camera_names, self.scoring.options.bounds)
        predicts_signals = any(candidate.signals for candidate in request.candidates)
        if self.declared is None and predicts_signals:
            raise JudgeError(
                "A candidate predicts signals, and no task file declares the running task; name one in task_files, or "
                "leave the signals out."
            )
        evidence = self.engine.evidence(now_ns)
        self._look_for_jump(now_ns)
        self.weigh(now_ns)
        halt = reason_to_halt(self.engine)
        if evidence is None and not halt:
            unseen = " and ".join(self.engine.unseen_cameras)
            why = f"no frame of {unseen} has come in this episode yet." if unseen else self.engine.verdict.reason
            raise JudgeError(f"The cameras show nothing that candidates could continue: {why}")
        if evidence is not None:
            request = placed_in_time(request, evidence.now_ns, now_ns, self.scoring.options)
        checks = self.engine.signal_checks() if predicts_signals else None
        vetoes = SignalVetoes(self.declared, request.from_ns, checks) if self.declared and checks else None
        self.scoring.begin(request, evidence, halt, done, vetoes)

    def enable(self, enabled: bool, now_ns: int) -> None:
        """Switch asking the judge on or off. While it is off the verdict is UNKNOWN and says so."""
        if enabled == self.enabled:
            return
        self.enabled = enabled
        if not enabled:
            self._forget()
            self._publish(self._switched_off(now_ns))

    def _start(self, episode_id: str, task: str, stamp_ns: int) -> str:
        self._episodes += 1
        episode_id = episode_id or f"{stamp_ns // 1_000_000_000}-{self._episodes}"
        self._forget()
        file = self.tasks.find_file(task) if self.tasks else None
        self.declared = file.task if file is not None else None
        source = f"{file.task.name} {file.content_hash}" if file is not None else ""
        held = self._latched.at_start(self.declared.name, stamp_ns) if self.declared is not None else None
        verdict = self.engine.start_episode(episode_id, task, stamp_ns, self.declared, source, held)
        if not self.enabled:
            verdict = self._switched_off(stamp_ns)
        self._outlet.note(f"Episode {episode_id} started: {task}")
        self._publish(verdict)
        return episode_id

    def _weigh_if_urgent(self, now_ns: int) -> None:
        if self.engine.urgent:
            self.weigh(now_ns)

    def _look_for_jump(self, now_ns: int) -> None:
        if self.engine.clock_jumps == self._clock_jumps:
            return
        self.scoring.give_up("The clock went back while candidates were scored; ask again.")
        self._clock_jumps = self.engine.clock_jumps
        self._outlet.warn("The clock went back. What was seen before cannot be ordered in time with what comes now.")
        if self.engine.episode_id:
            self._publish(self.engine.check(now_ns))
            if self.options.auto_episode:
                self.end_episode("", now_ns)

    @property
    def _asked(self) -> tuple[AskedJudge, ...]:
        return (self.judge,) if self.review is None else (self.judge, self.review)

    def _forget(self) -> None:
        self.scoring.give_up("The episode ended, or judging was switched off, before the candidates were scored.")
        for asked in self._asked:
            asked.forget()

    def _switched_off(self, now_ns: int) -> Verdict:
        if self.review is not None:
            self.engine.add_review_fault(now_ns, _DISABLED)
        return self.engine.add_judge_fault(now_ns, _DISABLED)

    def _take(self, event: Event, now_ns: int) -> None:
        if isinstance(event, Ready):
            self._outlet.note("The judge is ready again.")
        elif isinstance(event, Answer):
            self._take_answer(event, now_ns)
        elif isinstance(event, ScoringEvent):
            self.scoring.take(event)
        elif self._concerns_us(event):
            self._publish(self.engine.add_judge_fault(now_ns, event.cause))
        if isinstance(event, Down):
            self._outlet.warn(f"{event.cause} It is started again in {event.retry_s:g} s.")

    def _take_answer(self, answer: Answer, now_ns: int) -> None:
        if not self.enabled:
            return
        verdict = self.engine.add_opinion(answer.opinion, now_ns, answer.latency_s)
        progress = self.engine.progress
        if progress is not None and progress.opinion is answer.opinion:
            self._outlet.progress(progress)
        self._publish(verdict)

    def _take_of_review(self, event: Event, now_ns: int) -> None:
        if isinstance(event, Ready):
            self._outlet.note("The review is ready again.")
        elif isinstance(event, Answer):
            self._take_review(event, now_ns)
        elif isinstance(event, ScoringEvent):
            pass  # nobody asks the review about candidates
        elif self._concerns_us(event):
            self._publish(self.engine.add_review_fault(now_ns, event.cause))
        if isinstance(event, Down):
            self._outlet.warn(f"The review: {event.cause} It is started again in {event.retry_s:g} s.")

    def _take_review(self, answer: Answer, now_ns: int) -> None:
        if not self.enabled:
            return
        verdict = self.engine.add_review(answer.opinion, now_ns, answer.latency_s)
        review = self.engine.review
        if review is not None and review.opinion is answer.opinion:
            self._outlet.review(review)
        self._publish(verdict)

    def _concerns_us(self, fault: Unanswered | Down) -> bool:
        """Whether the episode that runs misses an answer for it."""
        if not self.enabled:
            return False
        return isinstance(fault, Down) or fault.evidence.episode_id == self.engine.episode_id

    def _publish(self, verdict: Verdict, always: bool = False) -> None:
        for event in self.engine.take_failures():
            self._outlet.failure(event)
        content = what_counts(verdict)
        if always or content != self._published:
            self._published = content
            self._outlet.verdict(verdict)
        halt = reason_to_halt(self.engine) if self.scoring.busy else ""
        if halt:
            self.scoring.halt(halt)
