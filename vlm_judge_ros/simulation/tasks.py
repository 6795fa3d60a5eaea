"""The manipulation tasks that can be simulated, and what can go wrong in each."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.disturbance import Disturbance

_ALWAYS = frozenset({Disturbance.NONE, Disturbance.PAUSE, Disturbance.SLOW, Disturbance.STALL, Disturbance.EARLY_STOP})
_HOLDING = frozenset({Disturbance.DROP, Disturbance.SLIP_RECOVERED, Disturbance.GRASP_MISSED, Disturbance.UNDONE})


@dataclass(frozen=True, slots=True)
class SimulatedTask:
    """One task of Meta-World, with what the disturbances need to know about it.

    Attributes:
        name: name of the task, also Meta-World's own without its version.
        expert: name of the scripted expert's class in `metaworld.policies`.
        instructions: the task in words, several ways of saying the same.
        disturbances: what can happen in this task; what hardly ever comes out right is left out.
        grasps: True where the gripper carries an object, so that it can lose it.
        drags: True where the object stays on the table on its way.
        undone_by: the expert that undoes the task; empty where carrying the object back does it.
        undo_rise: metres by which the hand has to rise before it can get to the other side of what it moved.
        miss_offset: metres by which the object is observed off its place so that it is missed; mirrored at random in x.
        goal_shift: metres within which the goal is observed elsewhere, (x, y, z); zero where the task has no such goal.
        stays: True where the result stays as it is when the gripper lets go.
    """

    name: str
    expert: str
    instructions: tuple[str, ...]
    disturbances: frozenset[Disturbance]
    grasps: bool = False
    drags: bool = False
    undone_by: str = ""
    undo_rise: float = 0.0
    miss_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    goal_shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stays: bool = True


_TASKS = (
    SimulatedTask(
        name="pick-place",
        expert="SawyerPickPlaceV3Policy",
        instructions=(
            "pick up the puck and hold it at the blue target",
            "grasp the red puck and lift it to the target",
            "bring the puck to the marked point in the air",
            "pick the puck up and carry it to the blue ball",
        ),
        disturbances=_ALWAYS | _HOLDING | {Disturbance.WRONG_PLACE},
        grasps=True,
        miss_offset=(0.05, 0.0, 0.0),
        goal_shift=(0.18, 0.12, 0.05),
        stays=False,
    ),
    SimulatedTask(
        name="push",
        expert="SawyerPushV3Policy",
        instructions=(
            "push the puck to the green target",
            "slide the puck across the table to the target",
            "move the red puck onto the green mark",
            "drag the puck to the marked point on the table",
        ),
        disturbances=_ALWAYS | _HOLDING | {Disturbance.WRONG_PLACE},
        grasps=True,
        drags=True,
        miss_offset=(0.05, 0.0, 0.0),
        goal_shift=(0.18, 0.12, 0.0),
    ),
    SimulatedTask(
        name="shelf-place",
        expert="SawyerShelfPlaceV3Policy",
        instructions=(
            "pick up the block and place it on the shelf",
            "put the blue block onto the shelf",
            "lift the block and set it on the shelf board",
            "place the cube on the shelf",
        ),
        disturbances=_ALWAYS - {Disturbance.SLOW} | _HOLDING | {Disturbance.WRONG_PLACE},
        grasps=True,
        miss_offset=(0.06, 0.0, 0.0),
        goal_shift=(0.2, 0.0, 0.0),
    ),
    SimulatedTask(
        name="bin-picking",
        expert="SawyerBinPickingV3Policy",
        instructions=(
            "move the cube from the red bin to the blue bin",
            "take the cube out of the red bin and put it into the blue one",
            "pick the green cube and drop it into the blue bin",
            "transfer the cube into the other bin",
        ),
        disturbances=_ALWAYS | _HOLDING | {Disturbance.WRONG_PLACE},
        grasps=True,
        miss_offset=(0.055, 0.0, 0.0),
        goal_shift=(0.3, 0.0, 0.0),
    ),
    SimulatedTask(
        name="sweep-into",
        expert="SawyerSweepIntoV3Policy",
        instructions=(
            "sweep the block into the hole",
            "push the cube into the opening in the table",
            "move the block along the table until it is in the hole",
            "slide the cube into the gap",
        ),
        disturbances=_ALWAYS - {Disturbance.SLOW} | _HOLDING | {Disturbance.WRONG_PLACE},
        grasps=True,
        drags=True,
        miss_offset=(0.07, 0.0, 0.0),
        goal_shift=(0.2, 0.1, 0.0),
    ),
    SimulatedTask(
        name="coffee-push",
        expert="SawyerCoffeePushV3Policy",
        instructions=(
            "push the mug under the coffee machine",
            "move the cup to the coffee machine",
            "slide the mug beneath the spout of the coffee machine",
            "place the mug under the coffee dispenser",
        ),
        disturbances=_ALWAYS | _HOLDING - {Disturbance.DROP} | {Disturbance.WRONG_PLACE},
        grasps=True,
        drags=True,
        miss_offset=(0.09, 0.0, 0.0),
        goal_shift=(0.2, 0.1, 0.0),
    ),
    SimulatedTask(
        name="peg-unplug-side",
        expert="SawyerPegUnplugSideV3Policy",
        instructions=(
            "pull the peg out of the box",
            "unplug the peg sideways",
            "remove the plug from its socket",
            "grasp the peg and pull it out of the hole",
        ),
        disturbances=_ALWAYS | {Disturbance.DROP, Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        grasps=True,
        miss_offset=(0.07, 0.06, 0.0),
        stays=False,
    ),
    SimulatedTask(
        name="drawer-open",
        expert="SawyerDrawerOpenV3Policy",
        instructions=(
            "open the drawer",
            "pull the green drawer open",
            "slide the drawer out by its handle",
            "pull the drawer out",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerDrawerCloseV3Policy",
        miss_offset=(0.13, 0.0, 0.0),
    ),
    SimulatedTask(
        name="drawer-close",
        expert="SawyerDrawerCloseV3Policy",
        instructions=(
            "close the drawer",
            "push the green drawer shut",
            "slide the drawer back in",
            "shut the drawer",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerDrawerOpenV3Policy",
        miss_offset=(0.16, 0.0, 0.0),
    ),
    SimulatedTask(
        name="door-open",
        expert="SawyerDoorOpenV3Policy",
        instructions=(
            "open the door",
            "pull the cabinet door open by its handle",
            "swing the door of the safe open",
            "open the dark cabinet",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerDoorCloseV3Policy",
        miss_offset=(0.0, -0.09, 0.08),
    ),
    SimulatedTask(
        name="window-open",
        expert="SawyerWindowOpenV3Policy",
        instructions=(
            "open the window",
            "slide the window open",
            "push the window pane aside by its handle",
            "move the window handle to the right to open it",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerWindowCloseV3Policy",
        undo_rise=0.2,
        miss_offset=(0.0, -0.09, 0.02),
    ),
    SimulatedTask(
        name="window-close",
        expert="SawyerWindowCloseV3Policy",
        instructions=(
            "close the window",
            "slide the window shut",
            "push the window pane closed by its handle",
            "move the window handle to the left to close it",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerWindowOpenV3Policy",
        undo_rise=0.2,
        miss_offset=(0.0, -0.09, 0.02),
    ),
    SimulatedTask(
        name="faucet-open",
        expert="SawyerFaucetOpenV3Policy",
        instructions=(
            "open the faucet",
            "turn the tap on",
            "rotate the faucet handle to open it",
            "turn the handle of the faucet",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED, Disturbance.UNDONE},
        undone_by="SawyerFaucetCloseV3Policy",
        undo_rise=0.2,
        miss_offset=(0.0, -0.12, 0.0),
    ),
    SimulatedTask(
        name="button-press-topdown",
        expert="SawyerButtonPressTopdownV3Policy",
        instructions=(
            "press the button from above",
            "push the red button down",
            "press down the button on the yellow box",
            "push the button",
        ),
        disturbances=_ALWAYS | {Disturbance.GRASP_MISSED},
        miss_offset=(0.15, 0.0, 0.0),
        stays=False,
    ),
    SimulatedTask(
        name="plate-slide",
        expert="SawyerPlateSlideV3Policy",
        instructions=(
            "slide the plate into the cabinet",
            "push the plate into the white goal",
            "move the plate under the cabinet",
            "slide the disc across the table into the goal",
        ),
        disturbances=_ALWAYS | {Disturbance.WRONG_PLACE, Disturbance.GRASP_MISSED},
        miss_offset=(0.13, 0.0, 0.0),
        goal_shift=(0.25, 0.0, 0.0),
    ),
)

TASKS: dict[str, SimulatedTask] = {task.name: task for task in _TASKS}


def task_named(name: str) -> SimulatedTask:
    """Look a task up.

    Raises:
        JudgeError: there is no such task.
    """
    if name not in TASKS:
        raise JudgeError(f'There is no simulated task "{name}"; choose one of {", ".join(TASKS)}.')
    return TASKS[name]
