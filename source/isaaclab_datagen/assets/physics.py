"""Physics backends as presets: ``physics=newton_mjwarp`` (default), ``physics=physx``, ``physics=ovphysx``."""

from __future__ import annotations

from isaaclab.physics import PhysxAutoCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonShapeCfg
from isaaclab_ov.physics import OvPhysxCfg
from isaaclab_physx.physics import PhysxCfg
from isaaclab_tasks.utils import PresetCfg


@configclass
class ManipulationPhysicsCfg(PresetCfg):
    """Backends for one arm and a few objects on a table."""

    newton_mjwarp: NewtonCfg = NewtonCfg(
        # Found by trial with a scripted grasp of a 4.8 cm cube. With Newton's default contact stiffness (2.5e3 N/m) or
        # one solver step of 10 ms, the cube is squeezed out sideways when the hand lifts: 0 to 2 of 16 succeed. A
        # contact is only as stiff as the solver's step allows: with two steps the script succeeds, but under noise
        # of 0.08 on its actions (4 cm) in 4 % of 128 episodes, with three in 48 %, with four in 93 %.
        default_shape_cfg=NewtonShapeCfg(ke=5e4, kd=500.0),
        solver_cfg=MJWarpSolverCfg(
            njmax=120,
            nconmax=60,
            cone="pyramidal",
            integrator="implicitfast",
            iterations=20,
            use_mujoco_contacts=False,
        ),
        num_substeps=4,
    )
    isaacsim_physx: PhysxCfg = PhysxCfg(bounce_threshold_velocity=0.01, friction_correlation_distance=0.00625)
    ovphysx: OvPhysxCfg = OvPhysxCfg()
    physx: PhysxAutoCfg = PhysxAutoCfg(isaacsim_physx=isaacsim_physx, ovphysx=ovphysx)
    default: NewtonCfg = newton_mjwarp


@configclass
class DrawerPhysicsCfg(ManipulationPhysicsCfg):
    """Backends for one arm and a cabinet, stepped at 60 Hz."""

    newton_mjwarp: NewtonCfg = NewtonCfg(
        # Contacts as for the cube. At most 43 rows and 24 contacts an environment were seen while a script pulled the
        # drawer open and while random actions hit the cabinet. Two substeps still hold the bar; three leave a margin.
        default_shape_cfg=NewtonShapeCfg(ke=5e4, kd=500.0),
        solver_cfg=MJWarpSolverCfg(
            njmax=80,
            nconmax=40,
            cone="pyramidal",
            integrator="implicitfast",
            iterations=10,
            use_mujoco_contacts=False,
        ),
        num_substeps=3,
    )
    default: NewtonCfg = newton_mjwarp
