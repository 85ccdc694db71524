"""Which articulation is the robot, and what is said of its end effector."""

from types import SimpleNamespace

import pytest
from isaaclab.assets import ArticulationCfg
from isaaclab.sim import UsdFileCfg

from isaaclab_datagen import mdp
from isaaclab_datagen.cli import robots
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.recorders import ChannelCfg, DatasetRecorderCfg
from isaaclab_datagen.recorders.robot import add_robot_channels
from isaaclab_datagen.registry import TaskInfo

BODIES = ["base", "arm", "left_hand", "right_hand"]


def scene(*names: str) -> SimpleNamespace:
    entities = {name: ArticulationCfg(prim_path=f"{{ENV_REGEX_NS}}/{name}", actuators={}) for name in names}
    for cfg in entities.values():
        cfg.spawn = UsdFileCfg(usd_path="/models/arm_7.usda")
    return SimpleNamespace(scene=SimpleNamespace(num_envs=3, **entities))


def environment(recorder: DatasetRecorderCfg) -> SimpleNamespace:
    articulations = {"arm": SimpleNamespace(body_names=BODIES)}
    return SimpleNamespace(cfg=SimpleNamespace(recorders=recorder), scene=SimpleNamespace(articulations=articulations))


@pytest.mark.parametrize(
    ("names", "found"), [(("robot",), "robot"), (("arm",), "arm"), (("cabinet", "robot"), "robot")]
)
def test_the_robot_is_called_so_or_is_the_only_one(names, found):
    robot = robots.find(TaskInfo("T", "m:C"), scene(*names), None)
    assert (robot.entity, robot.prim_path, robot.label, robot.ee_body) == (
        found,
        f"{{ENV_REGEX_NS}}/{found}",
        "arm_7",
        ".*hand",
    )


def test_the_user_then_the_registration_name_the_end_effector():
    task = TaskInfo("T", "m:C", ee_body="tool", robot="franka")
    assert robots.find(task, scene("robot"), None).ee_body == "tool"
    assert robots.find(task, scene("robot"), "arm").ee_body == "arm"
    assert robots.find(task, scene("robot"), None).label == "franka"


def test_without_an_articulation_there_is_no_robot():
    assert robots.find(TaskInfo("T", "m:C"), scene(), None) is None


def test_several_articulations_without_a_robot_are_refused():
    with pytest.raises(UsageError, match="T has the articulations left, right: one has to be called robot"):
        robots.find(TaskInfo("T", "m:C"), scene("left", "right"), None)


def test_the_recorded_end_effector_is_told():
    recorder = DatasetRecorderCfg()
    add_robot_channels(recorder, "arm", "left.*")
    assert recorder.frames.channels.keys() == {"joint_pos", "joint_vel", "ee_pose"}
    told = robots.end_effector(environment(recorder))
    assert told == {"ee_body": "left_hand", "ee_offset": [0.0, 0.0, 0.0]}


def test_channels_that_a_task_names_itself_stay():
    recorder = DatasetRecorderCfg()
    recorder.frames.channels = {"ee_pose": ChannelCfg(func=mdp.object_pose)}
    add_robot_channels(recorder, "arm", "left.*")
    assert recorder.frames.channels["ee_pose"].func is mdp.object_pose
    assert robots.end_effector(environment(recorder)) == {}


def test_an_end_effector_that_is_not_one_body_is_refused():
    recorder = DatasetRecorderCfg()
    add_robot_channels(recorder, "arm", ".*hand")
    with pytest.raises(UsageError, match="--ee_body .*: 2 bodies match .left_hand, right_hand., choose from base, arm"):
        robots.end_effector(environment(recorder))
