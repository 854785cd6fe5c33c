"""A prompt version stands for one text, for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibtui.core.errors import PromptError, WorkspaceUnwritableError
from calibtui.scoring.lockfile import read_lock
from calibtui.scoring.prompts import load_prompt, packaged_labels, packaged_lock, parse_template

OWN = 'name = "mine"\nversion = 3\nscale = 1\nuser = "How hard, 0 to 1?"\n'


def own(root: Path, text: str = OWN, label: str = "mine@3") -> Path:
    path = root / "prompts" / f"{label}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_packaged_template_is_pinned_and_unchanged(tmp_path: Path) -> None:
    assert packaged_labels() == sorted(packaged_lock())
    for label in packaged_labels():
        assert load_prompt(tmp_path, label).digest == packaged_lock()[label]


def test_the_packaged_rubric_is_the_text_that_was_published() -> None:
    """Fails when the text of difficulty@1 changes in any way, the lock beside it included: make a difficulty@2
    instead."""
    assert packaged_lock()["difficulty@1"] == "0a635e8bea24be58ab04ab17179529171eea2ad4f44f3b01acbbabd5c213ee56"


def test_the_packaged_rubric_asks_for_the_reply_that_is_parsed(tmp_path: Path) -> None:
    prompt = load_prompt(tmp_path, "difficulty@1")
    assert prompt.scale == 100
    assert '{"difficulty"' in prompt.user
    assert set(prompt.schema["properties"]) == {"difficulty", "reasons"}


def test_the_first_use_pins_a_template_in_the_workspace(tmp_path: Path) -> None:
    own(tmp_path)
    prompt = load_prompt(tmp_path, "mine@3")
    load_prompt(tmp_path, "difficulty@1")
    pinned = read_lock(tmp_path / "prompts.lock")
    assert pinned["mine@3"] == prompt.digest
    assert set(pinned) == {"mine@3", "difficulty@1"}


def test_a_second_use_leaves_the_lock_as_it_is(tmp_path: Path) -> None:
    load_prompt(tmp_path, "difficulty@1")
    before = (tmp_path / "prompts.lock").stat().st_mtime_ns
    load_prompt(tmp_path, "difficulty@1")
    assert (tmp_path / "prompts.lock").stat().st_mtime_ns == before


def test_an_edited_template_under_its_old_version_is_refused_and_the_next_version_named(tmp_path: Path) -> None:
    path = own(tmp_path)
    load_prompt(tmp_path, "mine@3")
    path.write_text(OWN.replace("How hard", "How very hard"))
    with pytest.raises(PromptError) as caught:
        load_prompt(tmp_path, "mine@3")
    assert str(path) in str(caught.value)
    assert "mine@4.toml" in caught.value.hint


def test_an_edit_under_a_new_version_is_another_prompt(tmp_path: Path) -> None:
    own(tmp_path)
    own(tmp_path, OWN.replace("version = 3", "version = 4").replace("How hard", "How very hard"), "mine@4")
    assert load_prompt(tmp_path, "mine@3").digest != load_prompt(tmp_path, "mine@4").digest


def test_a_comment_or_another_layout_is_no_edit(tmp_path: Path) -> None:
    path = own(tmp_path)
    digest = load_prompt(tmp_path, "mine@3").digest
    path.write_text("# why\n" + OWN.replace('user = "How hard, 0 to 1?"', 'user = """\nHow hard, 0 to 1?\n"""'))
    assert load_prompt(tmp_path, "mine@3").digest == digest


def test_a_workspace_overrides_a_packaged_template_until_that_one_is_pinned(tmp_path: Path) -> None:
    text = OWN.replace('"mine"', '"difficulty"').replace("version = 3", "version = 1")
    path = own(tmp_path, text, "difficulty@1")
    assert load_prompt(tmp_path, "difficulty@1").scale == 1
    path.unlink()
    with pytest.raises(PromptError, match="pins"):
        load_prompt(tmp_path, "difficulty@1")


@pytest.mark.parametrize(
    "label", ["difficulty", "difficulty@", "difficulty@0", "../x@1", "a/b@1", "@1", "difficulty@1.0"]
)
def test_a_label_that_is_none_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(PromptError, match="NAME@VERSION"):
        load_prompt(tmp_path, label)


def test_a_template_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path: Path) -> None:
    own(tmp_path)
    with pytest.raises(PromptError) as caught:
        load_prompt(tmp_path, "difficulty@9")
    assert "difficulty@1" in caught.value.hint
    assert "mine@3" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "TOML"),
        (OWN.replace('"mine"', '"other"'), "other@3"),
        (OWN.replace("scale = 1", "scale = 10"), "scale"),
        (OWN.replace("scale = 1", "scale = true"), "scale"),
        (OWN.replace("version = 3", 'version = "3"'), "version"),
        (OWN + 'usr = "x"\n', "usr"),
        (OWN.replace("How hard, 0 to 1?", " "), "user"),
        ('name = "mine"\nversion = 3\nscale = 1\n', "user"),
        (OWN + "# " + "x" * 70_000, "64 KiB"),
    ],
)
def test_a_malformed_template_is_refused_by_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    own(tmp_path, text)
    with pytest.raises(PromptError, match=said):
        load_prompt(tmp_path, "mine@3")
    assert not (tmp_path / "prompts.lock").exists()


def test_a_template_that_is_not_text_is_refused(tmp_path: Path) -> None:
    own(tmp_path).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptError, match="UTF-8"):
        load_prompt(tmp_path, "mine@3")


@pytest.mark.parametrize("text", ['"a@1" = ', '"a@1" = 5\n', '"a@1" = "short"\n'])
def test_a_damaged_lock_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "prompts.lock").write_text(text)
    with pytest.raises(PromptError, match=r"prompts\.lock is damaged"):
        load_prompt(tmp_path, "difficulty@1")
    assert (tmp_path / "prompts.lock").read_text() == text


def test_a_directory_that_takes_no_lock_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((WorkspaceUnwritableError, PromptError, OSError), match=r"lock|file"):
        load_prompt(tmp_path / "file", "difficulty@1")


def test_a_prompts_digest_covers_every_word_that_reaches_the_judge() -> None:
    base = parse_template(OWN, "mine@3", "test")
    changed = [
        parse_template(text, "mine@3", "test")
        for text in (OWN + 'system = "S"\n', OWN.replace("scale = 1", "scale = 100"), OWN.replace("?", "!"))
    ]
    assert len({base.digest, *(prompt.digest for prompt in changed)}) == 4
