"""An argument parser that knows other spellings, and says what is wrong in one line."""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from isaaclab_datagen.errors import UsageError


@dataclass(frozen=True)
class Alias:
    """Another spelling of an option.

    Args:
        option: The option it stands for; None when it asks for what is always done.
        value: Value that it stands for; None when the user gives one.
        takes_value: Whether a value follows, for a spelling without an option.
        because: What the notice says for a spelling without an option.
    """

    option: str | None
    value: str | None = None
    takes_value: bool = False
    because: str = ""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults that are set, and keeps the line breaks of a description that has some."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if isinstance(action.default, bool) or action.default in (None, (), [], ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser with aliases, without abbreviations, whose errors are :class:`UsageError`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", HelpFormatter)
        super().__init__(allow_abbrev=False, **kwargs)
        self.aliases: dict[str, Alias] = {}

    def add_aliases(self, aliases: Mapping[str, Alias | str]) -> None:
        """Accept other spellings, with one line of notice each.

        Args:
            aliases: Spelling to the option that it stands for, or to an :class:`Alias`.
        """
        self.aliases |= {name: Alias(to) if isinstance(to, str) else to for name, to in aliases.items()}

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse after replacing every alias by what it stands for."""
        return super().parse_known_args(self.canonical(sys.argv[1:] if args is None else args), namespace)

    def canonical(self, args: Sequence[str]) -> list[str]:
        """Replace every alias by the option it stands for, and say so.

        Raises:
            UsageError: If an option was given in two spellings with two values.
        """
        tokens: list[str] = []
        given: dict[str, tuple[str, str | None]] = {}
        rest = list(args)
        while rest:
            name, equals, value = rest.pop(0).partition("=")
            alias = self.aliases.get(name)
            if alias is None and name not in self._option_string_actions:
                tokens.append(name + equals + value)
                continue
            spelled = name
            if alias is not None:
                _tell(name, alias)
                if alias.option is None:
                    del rest[: int(alias.takes_value and not equals)]
                    continue
                name = alias.option
                if alias.value is not None:
                    equals, value = "=", alias.value
            shown = value if equals else (rest[0] if rest and self._takes_value(name) else None)
            self._refuse_conflict(given, name, spelled, shown)
            tokens.append(name + equals + value)
        return tokens

    def check_known(self, rest: Sequence[str]) -> None:
        """Refuse options that the parser does not know.

        Raises:
            UsageError: Naming the first one, and the closest known.
        """
        for token in rest:
            if token.startswith("-"):
                name = token.partition("=")[0]
                near = difflib.get_close_matches(name, [*self._option_string_actions, *self.aliases], n=3)
                hint = f"; did you mean {' or '.join(near)}?" if near else "; --help lists the options"
                raise UsageError(f"unknown option {name}{hint}")

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting, so that a script ends in one place."""
        raise UsageError(f"{message} (--help lists the options)")

    def _takes_value(self, name: str) -> bool:
        action = self._option_string_actions.get(name)
        return action is not None and action.nargs != 0

    def _refuse_conflict(
        self, given: dict[str, tuple[str, str | None]], name: str, spelled: str, value: str | None
    ) -> None:
        before = given.setdefault(name, (spelled, value))
        if before[0] != spelled and before[1] != value:
            both = " and ".join(f"{s} {v or ''}".strip() for s, v in (before, (spelled, value)))
            raise UsageError(f"{both} say different things: both mean {name}, give one of them")


def _tell(name: str, alias: Alias) -> None:
    """Print the notice for one alias."""
    if alias.option is None:
        print(f"note: {name} is not needed: {alias.because}", file=sys.stderr)
    else:
        print(f"note: {name} is spelled {alias.option}{' ' + alias.value if alias.value else ''}", file=sys.stderr)
