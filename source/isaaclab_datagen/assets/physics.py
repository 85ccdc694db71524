"""Physics backends as presets: ``physics=newton_mjwarp`` (default), ``physics=physx``, ``physics=ovphysx``."""

from __future__ import annotations

from isaaclab.physics import PhysxAutoCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonShapeCfg
from isaaclab_ov.physics import OvPhysxCfg
from isaaclab_physx.physics import PhysxCfg
from isaaclab_tasks.utils import PresetCfg


def _newton(njmax: int, nconmax: int, iterations: int, num_substeps: int) -> NewtonCfg:
    """Newton for a gripper that holds things.

    With Newton's default contact stiffness (2.5e3 N/m) a cube of 4.8 cm is squeezed out sideways when the hand lifts. A
    contact is only as stiff as the solver's step allows, so that the number of substeps decides too.

    Args:
        njmax: Constraint rows of an environment.
        nconmax: Contacts of an environment.
        iterations: Of the solver, at most.
        num_substeps: Solver steps of a physics step.
    """
    return NewtonCfg(
        default_shape_cfg=NewtonShapeCfg(ke=5e4, kd=500.0),
        solver_cfg=MJWarpSolverCfg(
            njmax=njmax,
            nconmax=nconmax,
            cone="pyramidal",
            integrator="implicitfast",
            iterations=iterations,
            use_mujoco_contacts=False,
        ),
        num_substeps=num_substeps,
    )


@configclass
class ManipulationPhysicsCfg(PresetCfg):
    """Backends for one arm and a few objects on a table."""

    # Found by trial with the scripted lift: 0 to 2 of 16 succeed with one substep, all with two; under noise of 0.08 on
    # the actions (4 cm) 4 % of 128 episodes with two, 48 % with three, 93 % with four.
    newton_mjwarp: NewtonCfg = _newton(njmax=120, nconmax=60, iterations=20, num_substeps=4)
    isaacsim_physx: PhysxCfg = PhysxCfg(bounce_threshold_velocity=0.01, friction_correlation_distance=0.00625)
    ovphysx: OvPhysxCfg = OvPhysxCfg()
    physx: PhysxAutoCfg = PhysxAutoCfg(isaacsim_physx=isaacsim_physx, ovphysx=ovphysx)
    default: NewtonCfg = newton_mjwarp


@configclass
class DrawerPhysicsCfg(ManipulationPhysicsCfg):
    """Backends for one arm and a cabinet, stepped at 60 Hz."""

    # At most 43 rows and 24 contacts an environment were seen while a script pulled the drawer open and while random
    # actions hit the cabinet. Two substeps still hold the bar; three leave a margin.
    newton_mjwarp: NewtonCfg = _newton(njmax=80, nconmax=40, iterations=10, num_substeps=3)
    default: NewtonCfg = newton_mjwarp


@configclass
class HumanoidPhysicsCfg(ManipulationPhysicsCfg):
    """Backends for one humanoid on a flat ground, stepped at 200 Hz."""

    # MuJoCo takes a contact's stiffness per mass: 1e4 /s^2 is a time constant of 10 ms, the least that a step of 5 ms
    # allows (twice the step), and the damping is critical. A standing foot then sinks in by about 1 mm. At most 32 rows
    # an environment were seen with random actions in the tracking task; a robot that lies may have three times as many.
    newton_mjwarp: NewtonCfg = NewtonCfg(
        default_shape_cfg=NewtonShapeCfg(ke=1e4, kd=200.0),
        solver_cfg=MJWarpSolverCfg(
            njmax=96,
            nconmax=24,
            cone="pyramidal",
            integrator="implicitfast",
            iterations=10,
            ls_iterations=40,
            use_mujoco_contacts=False,
        ),
        num_substeps=1,
    )
    isaacsim_physx: PhysxCfg = PhysxCfg(gpu_max_rigid_patch_count=10 * 2**15)
    ovphysx: OvPhysxCfg = OvPhysxCfg(gpu_max_rigid_patch_count=10 * 2**15)
    physx: PhysxAutoCfg = PhysxAutoCfg(isaacsim_physx=isaacsim_physx, ovphysx=ovphysx)
    default: NewtonCfg = newton_mjwarp
