"""Aliases, conflicts, and values that cannot be."""

import pytest

from isaaclab_datagen.cli import options
from isaaclab_datagen.cli.parser import Alias, Parser
from isaaclab_datagen.errors import UsageError


@pytest.fixture
def parser():
    parser = Parser()
    parser.add_argument("--episodes", type=options.positive_int, default=3, help="how many")
    parser.add_argument("--cameras", type=options.names)
    parser.add_argument("--checkpoint")
    parser.add_argument("--append", action="store_true")
    parser.add_aliases(
        {
            "--num_rollouts": "--episodes",
            "--use_pretrained": Alias("--checkpoint", "published"),
            "--metadata": Alias(None, because="it is always written"),
            "--digits": Alias(None, takes_value=True, because="they grow"),
        }
    )
    return parser


@pytest.mark.parametrize(
    "words", [["--num_rollouts", "5"], ["--num_rollouts=5"], ["--num_rollouts", "5", "--episodes=5"]]
)
def test_an_alias_gives_the_value_and_one_line_of_notice(parser, words, capsys):
    assert parser.parse_args(words).episodes == 5
    assert capsys.readouterr().err == "note: --num_rollouts is spelled --episodes\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--num_rollouts", "5", "--episodes", "3"],
        ["--episodes", "3", "--num_rollouts=5"],
        ["--checkpoint", "a.pt", "--use_pretrained"],
    ],
)
def test_two_spellings_that_disagree_are_refused(parser, words):
    with pytest.raises(UsageError, match="give one of them") as caught:
        parser.parse_args(words)
    assert all(word.partition("=")[0] in str(caught.value) for word in words if word.startswith("--"))


def test_what_is_always_done_is_said_and_dropped(parser, capsys):
    args = parser.parse_args(["--metadata", "--digits", "4", "--append"])
    assert args.append
    assert capsys.readouterr().err.count("note:") == 2


def test_an_alias_for_a_value(parser):
    assert parser.parse_args(["--use_pretrained"]).checkpoint == "published"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_counts_are_positive_and_the_message_has_name_and_value(parser, text):
    with pytest.raises(UsageError, match="--episodes") as caught:
        parser.parse_args([f"--episodes={text}"])
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", "a,,b", "a,a"])
def test_lists_of_names_have_no_holes_and_no_doubles(parser, text):
    with pytest.raises(UsageError, match="--cameras"):
        parser.parse_args([f"--cameras={text}"])


@pytest.mark.parametrize("text", ["0", "-2", "nan", "inf", "soon"])
def test_durations_are_above_zero(text):
    parser = Parser()
    parser.add_argument("--duration", type=options.positive_float)
    with pytest.raises(UsageError, match="--duration"):
        parser.parse_args([f"--duration={text}"])


def test_abbreviations_are_not_options(parser):
    _, rest = parser.parse_known_args(["--episode", "4"])
    with pytest.raises(UsageError, match="unknown option --episode; did you mean --episodes"):
        parser.check_known(rest)


def test_help_shows_defaults(parser):
    assert "how many (default: 3)" in parser.format_help()


def test_peek_reads_one_option_before_the_others_are_known():
    assert options.peek(["--x", "1", "--format=avdc"], "--format") == "avdc"
    assert options.peek(["--format", "a", "--y"], "--format") == "a"
    assert options.peek(["--y"], "--format") is None
