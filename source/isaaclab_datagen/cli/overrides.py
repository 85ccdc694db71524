"""Checks of ``env.x=``, ``agent.x=``, ``physics=``, ``renderer=`` and ``presets=`` before Isaac Lab applies them.

Isaac Lab sets whatever it is told, also a field that does not exist or a word where a number belongs.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import is_dataclass
from io import StringIO
from typing import Any

import gymnasium as gym
from isaaclab_tasks.utils import load_cfg_from_registry, resolve_task_config
from isaaclab_tasks.utils.hydra import _parse_val as parse_value
from isaaclab_tasks.utils.hydra import collect_presets
from isaaclab_tasks.utils.preset_target import PresetTarget
from isaaclab_tasks.utils.presets import MultiBackendRendererCfg

from isaaclab_datagen.cli.errors import usage
from isaaclab_datagen.errors import UsageError

SELECTORS = ("physics", "renderer", "presets")
_SECTIONS = ("env", "agent")
_CFG = "_cfg_entry_point"
"""How the keys of a registration end that name a configuration."""
_NO_AGENTS = ("env_", "recorder_", "rl_games_", "rlinf_", "robomimic_", "sb3_", "skrl_", "torchrl_")
"""How those begin that are no agent of RSL-RL."""


def resolve(task: str, agent: str | None, overrides: Sequence[str], play_mode: bool = False) -> tuple[Any, Any]:
    """Load a task's configurations and apply the overrides.

    Args:
        task: Gym id.
        agent: Key of the agent's configuration in the registration, or None for none.
        overrides: ``key=value`` words of the command line.
        play_mode: Whether the environment's configuration switches to its play mode first.

    Returns:
        The environment's and the agent's configuration.

    Raises:
        UsageError: If an override names nothing, or its value cannot stand there; if the task has no such agent.
    """
    if agent is not None:
        _check_agent(task, agent)
    for word in overrides:
        _check_word(word)
    with redirect_stdout(StringIO()):  # loading a configuration announces its entry point, once for each time
        return _resolve(task, agent, list(overrides), play_mode)


def _resolve(task: str, agent: str | None, overrides: list[str], play_mode: bool) -> tuple[Any, Any]:
    presets = {"env": collect_presets(load_cfg_from_registry(task, "env_cfg_entry_point"))}
    presets["agent"] = collect_presets(load_cfg_from_registry(task, agent)) if agent else {}
    for word in overrides:
        _check_selector(presets, word)
    if not _has_renderers(presets["env"]):
        overrides = [word for word in overrides if not word.startswith("renderer=")]  # for cameras of the rig alone
    named = [word for word in overrides if _is_selector(word) or _is_path_preset(presets, word)]
    with usage(f"{task} {' '.join(named)}".rstrip(), ValueError):
        env_cfg, agent_cfg = resolve_task_config(task, agent, play_mode=play_mode, overrides=named)
    for word in overrides:
        if word not in named:
            _check_field({"env": env_cfg, "agent": agent_cfg}, word)
    with usage(f"{task} {' '.join(overrides)}".rstrip(), ValueError, TypeError):
        return resolve_task_config(task, agent, play_mode=play_mode, overrides=overrides)


def check_kept(env_cfg: Any, overrides: Sequence[str]) -> None:
    """Refuse an override that an option, or what a task derives, has replaced: numbers, words, lists of numbers, null.

    Args:
        env_cfg: The environment's configuration as it is to be used.
        overrides: ``key=value`` words of the command line; each key's last one counts.

    Raises:
        UsageError: If a field is not what it was asked to be.
    """
    asked = {key: text for key, _, text in (word.partition("=") for word in overrides)}
    for key, text in asked.items():
        section, *path = key.split(".")
        wanted, found, holder = parse_value(text), env_cfg, env_cfg
        if section != "env":
            continue
        for name in path:
            holder, found = found, found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        if holder is None or not (_is_plain(wanted) and _is_plain(found)):  # what it is of was taken out altogether
            continue
        if not _same(found, wanted):
            raise UsageError(
                f"{key}={text}: it becomes {found} all the same, as an option says or the task derives it: "
                "leave one of them out"
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(one, (int, float)) for one in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other)  # seconds may be made of steps
    return one == other


def field_names(cfg: Any) -> list[str]:
    """Return the names that a configuration or a mapping holds."""
    if isinstance(cfg, Mapping):
        return [str(key) for key in cfg]
    return list(vars(cfg)) if is_dataclass(cfg) else []


def selected(overrides: Sequence[str]) -> list[str]:
    """Return the names that ``renderer=`` and ``presets=`` choose, in order."""
    words = [word.partition("=") for word in overrides]
    return [name for key, _, value in words if key in ("renderer", "presets") for name in value.split(",") if name]


def _check_agent(task: str, agent: str) -> None:
    """Refuse a key under which a registration has no configuration for RSL-RL."""
    keys = [key for key, value in gym.spec(task).kwargs.items() if key.endswith(_CFG) and value is not None]
    agents = [key for key in keys if not key.startswith(_NO_AGENTS)]
    if agent not in agents:
        near = difflib.get_close_matches(agent, agents, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"--agent {agent}: {task} has no such agent of RSL-RL: {hint}choose from {', '.join(agents) or 'nothing'}"
        )


def _has_renderers(presets: Mapping[str, Mapping]) -> bool:
    return any(PresetTarget("renderer").matches(cfg) for fields in presets.values() for cfg in fields.values())


def _check_word(word: str) -> None:
    """Refuse a word that is not an override at all."""
    key, equals, _ = word.partition("=")
    section = key.partition(".")[0]
    if equals and (key in SELECTORS or (section in _SECTIONS and "." in key)):
        return
    near = difflib.get_close_matches(section, [*SELECTORS, *_SECTIONS], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"cannot read {word!r}: {hint}choose from physics=, renderer=, presets=, env.FIELD=, agent.FIELD=")


def _is_selector(word: str) -> bool:
    return word.partition("=")[0] in SELECTORS


def _is_path_preset(presets: Mapping[str, Mapping], word: str) -> bool:
    """Whether a word selects a preset at one place, such as ``env.sim.physics=newton_mjwarp``."""
    key, _, value = word.partition("=")
    section, _, path = key.partition(".")
    return path in presets[section] and isinstance(parse_value(value), str)


def _check_selector(presets: Mapping[str, Mapping], word: str) -> None:
    """Refuse the name of a preset that the task does not have."""
    key, _, value = word.partition("=")
    if key not in SELECTORS:
        return
    target = PresetTarget(key)
    renderers = vars(MultiBackendRendererCfg())  # of the cameras that any task can be given
    options = [option for paths in presets.values() for fields in paths.values() for option in fields.items()]
    options += renderers.items() if key == "renderer" else ()
    fitting = {name for name, cfg in options if target is PresetTarget.DOMAIN or target.matches(cfg)} - {"default"}
    for name in filter(None, value.split(",")):
        if name not in fitting and name not in PresetTarget.all_legacy_aliases():
            near = difflib.get_close_matches(name, fitting, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{key}={name}: {hint}choose from {', '.join(sorted(fitting)) or 'nothing'}")


def _check_field(cfgs: dict[str, Any], word: str) -> None:
    """Refuse a word whose field does not exist or whose value is of another kind."""
    key, _, text = word.partition("=")
    section, *path = key.split(".")
    node, walked = cfgs[section], section
    if node is None:
        raise UsageError(f"cannot set {key}: this command uses no agent configuration")
    for name in path:
        names = field_names(node)
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or sorted(names)[:12]
            raise UsageError(f"{walked} has no field {name!r} (in {word}): choose from {', '.join(near) or 'nothing'}")
        node = node[name] if isinstance(node, Mapping) else getattr(node, name)
        walked += f".{name}"
    if not _may_replace(node, parse_value(text)):
        raise UsageError(f"{key} is {_kind(node)} ({_shown(node)}), cannot be {text!r}")


def _may_replace(old: Any, new: Any) -> bool:
    """Whether a value may stand where another one stood. None may come and go."""
    if old is None or new is None:
        return True
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    for kinds in ((int, float), (str,), (list, tuple), (Mapping,)):
        if isinstance(old, kinds):
            return isinstance(new, kinds)
    return not is_dataclass(old)


def _kind(value: Any) -> str:
    if is_dataclass(value):
        return "a configuration"
    return {bool: "true or false", int: "a number", float: "a number"}.get(type(value), f"a {type(value).__name__}")


def _shown(value: Any) -> str:
    return type(value).__name__ if is_dataclass(value) else repr(value)
