"""Unitree G1 with 29 joints: the embedded model, its motors, and the gains that follow from them.

Bodies and joints have one order everywhere in this package, that of Unitree's own files: depth first, left leg, right
leg, waist, left arm, right arm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg
from isaaclab_newton.sim.schemas import MujocoCollisionCfg, NewtonArticulationCfg
from isaaclab_physx.sim.schemas import PhysxArticulationCfg, PhysxRigidBodyCfg

from isaaclab_datagen.assets.urdf import CachedUrdfFileCfg

URDF = "g1_description/urdf/g1_29dof_rev_1_0.urdf"
RECIPE = "isaaclab_datagen.assets.g1_model"

_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
_LIMBS = (
    *(f"{side}_{name}" for side in ("left", "right") for name in _LEG),
    *("waist_yaw", "waist_roll", "waist_pitch"),
    *(f"{side}_{name}" for side in ("left", "right") for name in _ARM),
)

JOINT_NAMES = tuple(f"{name}_joint" for name in _LIMBS)
"""The 29 joints, in order."""

BODY_NAMES = ("pelvis", *("torso_link" if name == "waist_pitch" else f"{name}_link" for name in _LIMBS))
"""The 30 bodies, in order: the pelvis, then what each joint moves."""

ANCHOR = "torso_link"
"""Body that references are aligned by."""

TRACKED_BODIES = (
    "pelvis",
    *("left_hip_roll_link", "left_knee_link", "left_ankle_roll_link"),
    *("right_hip_roll_link", "right_knee_link", "right_ankle_roll_link"),
    "torso_link",
    *("left_shoulder_roll_link", "left_elbow_link", "left_wrist_yaw_link"),
    *("right_shoulder_roll_link", "right_elbow_link", "right_wrist_yaw_link"),
)
"""The bodies that a tracker is rewarded for, as in BeyondMimic."""

FEET = ("left_ankle_roll_link", "right_ankle_roll_link")
HANDS = ("left_wrist_yaw_link", "right_wrist_yaw_link")

SOLE = 0.035
"""Depth of the sole under a foot's frame [m]: spheres of 5 mm, 3 cm under it."""

SOLE_POINTS = ((-0.05, 0.025, -SOLE), (-0.05, -0.025, -SOLE), (0.12, 0.03, -SOLE), (0.12, -0.03, -SOLE))
"""Lowest points of a foot's spheres in the foot's frame [m]."""

NATURAL_FREQUENCY = 2 * math.pi * 10
"""Of every joint's closed loop on its motor's inertia [rad/s], as in BeyondMimic."""

DAMPING_RATIO = 2.0
"""Above 1, because the limb's own inertia, which the gains leave out, takes damping away."""


@dataclass(frozen=True)
class Motor:
    """What drives a joint. Values at the joint, after the gear."""

    joints: tuple[str, ...]
    """Regular expressions of the joints' names."""
    armature: float
    """Rotor's inertia times the gear ratio squared [kg m^2]."""
    effort: float
    """Largest torque [N m]."""
    velocity: float
    """Largest speed [rad/s]."""

    @property
    def stiffness(self) -> float:
        """Gain on the position error [N m / rad]: armature times the natural frequency squared."""
        return self.armature * NATURAL_FREQUENCY**2

    @property
    def damping(self) -> float:
        """Gain on the speed [N m s / rad]."""
        return 2 * DAMPING_RATIO * self.armature * NATURAL_FREQUENCY

    @property
    def action_scale(self) -> float:
        """Change of the target for an action of 1 [rad]: a quarter of the largest torque at rest."""
        return 0.25 * self.effort / self.stiffness

    def actuator(self) -> ImplicitActuatorCfg:
        """Return the actuator's configuration."""
        return ImplicitActuatorCfg(
            joint_names_expr=list(self.joints),
            joint_effort_limit=self.effort,
            joint_velocity_limit=self.velocity,
            stiffness=self.stiffness,
            damping=self.damping,
            armature=self.armature,
        )


_ARMATURE_5020 = 0.003609725
"""Of one 5020 motor; ankles and waist roll and pitch are moved by two."""

MOTORS: dict[str, Motor] = {
    # Unitree's motors, in BeyondMimic's figures.
    "7520_14": Motor((".*_hip_pitch_joint", ".*_hip_yaw_joint", "waist_yaw_joint"), 0.010177520, 88.0, 32.0),
    "7520_22": Motor((".*_hip_roll_joint", ".*_knee_joint"), 0.025101925, 139.0, 20.0),
    "5020": Motor((".*_shoulder_.*_joint", ".*_elbow_joint", ".*_wrist_roll_joint"), _ARMATURE_5020, 25.0, 37.0),
    "5020_pair": Motor((".*_ankle_.*_joint", "waist_roll_joint", "waist_pitch_joint"), 2 * _ARMATURE_5020, 50.0, 37.0),
    "4010": Motor((".*_wrist_pitch_joint", ".*_wrist_yaw_joint"), 0.00425, 5.0, 22.0),
}

ACTION_SCALE: dict[str, float] = {joint: motor.action_scale for motor in MOTORS.values() for joint in motor.joints}
"""Change of a joint's target for an action of 1 [rad], by expressions of joint names."""

STANDING: dict[str, float] = {
    ".*_hip_pitch_joint": -0.312,
    ".*_knee_joint": 0.669,
    ".*_ankle_pitch_joint": -0.363,
    ".*_elbow_joint": 0.6,
    "left_shoulder_roll_joint": 0.2,
    "right_shoulder_roll_joint": -0.2,
    ".*_shoulder_pitch_joint": 0.2,
}
"""Joint positions of the default pose [rad]: knees bent, feet flat."""

G1_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Robot",
    spawn=CachedUrdfFileCfg(
        urdf=URDF,
        recipe=RECIPE,
        activate_contact_sensors=True,
        rigid_props=[PhysxRigidBodyCfg(max_depenetration_velocity=1.0)],
        # MuJoCo takes the larger friction of two geometries: with priority, a contact's is the robot's
        collision_props=[MujocoCollisionCfg(priority=1)],
        articulation_props=[
            PhysxArticulationCfg(
                enabled_self_collisions=True, solver_position_iteration_count=8, solver_velocity_iteration_count=4
            ),
            NewtonArticulationCfg(self_collision_enabled=True),
        ],
        semantic_tags=[("class", "robot")],
    ),
    init_state=ArticulationCfg.InitialStateCfg(pos=(0.0, 0.0, 0.76), joint_pos=STANDING),
    soft_joint_pos_limit_factor=0.9,
    joint_ordering=JOINT_NAMES,
    body_ordering=BODY_NAMES,
    actuators={name: motor.actuator() for name, motor in MOTORS.items()},
)
"""The G1, standing with its feet on z = 0."""
