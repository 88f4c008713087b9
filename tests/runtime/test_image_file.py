"""What is wrong with an image.toml: the line, and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.runtime.image_file import BadImage, check

NAME = 'name = "mine"\n'
TRAIN = '[programs]\ntrain = ["x"]\n'
BAD = {
    f'{NAME}requirement = "x.in"\n{TRAIN}': "2: 'requirement' is not a key of an image. Did you mean 'requi",
    f'{NAME}colour = "red"\n{TRAIN}': "2: 'colour' is not a key of an image. There are name,",
    f'repositories = ["a"]\n{TRAIN}': "1: the name is missing. Add: name =",
    f'name = "Mine"\n{TRAIN}': "1: the name is 'Mine'; it must be a text of at most 63",
    f'name = "toolkit"\n{TRAIN}': "1: the name 'toolkit' is taken",
    NAME: "1: no program is named. Add: [programs]",
    f"{NAME}programs = 3": "2: programs must be a table",
    f'{NAME}\n[programs]\ntrain = "python x"': "4: train is 'python x'; it must be a list of texts",
    f'{NAME}[programs]\ntran = ["x"]': "3: 'tran' is not a program of an image",
    f'{NAME}requirements = "no.in"\n{TRAIN}': "2: there is no file 'no.in'",
    f'{NAME}requirements = "../x.in"\n{TRAIN}': "2: '../x.in' is outside the folder",
    f"{NAME}requirements = 3\n{TRAIN}": "2: requirements is 3; name a file",
    f'{NAME}repositories = "a"\n{TRAIN}': "2: repositories is 'a'; it must be a list",
    f'{NAME}repositories = ["a/b:1"]\n{TRAIN}': "2: the repository 'a/b:1' is not a name",
    f"{NAME}python = 3.11\n{TRAIN}": "2: python is 3.11; it must be a version in quotes",
    f'{NAME}{TRAIN}[environment]\n"A-B" = 1': "5: 'A-B' is not a variable's name",
    f"{NAME}{TRAIN}[environment]\nA = [1]": "5: A is [1]; it must be a text or a number",
    f'{NAME}{TRAIN}[metrics]\nloss = "("': "5: the expression '(' of 'loss' is not valid",
    f'{NAME}{TRAIN}[metrics]\n"a:loss" = "a"': "5: the expression 'a' has no group",
    f"{NAME}{TRAIN}[warm]\nimport = []": "4: warm must be a table with a list",
}


@pytest.mark.parametrize("text", BAD)
def test_a_mistake_is_told_with_its_line_and_its_cure(text: str, tmp_path: Path) -> None:
    (tmp_path / "image.toml").write_text(text)
    with pytest.raises(BadImage) as refused:
        check(tmp_path)
    assert f"{tmp_path / 'image.toml'}:{BAD[text]}" in str(refused.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "image.toml").write_text('name = "A"\npython = 3\n')
    with pytest.raises(BadImage) as refused:
        check(tmp_path)
    assert len(str(refused.value).splitlines()) == 3


def test_what_is_no_toml_or_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"has no image.toml. Write one; the least is"):
        check(tmp_path)
    (tmp_path / "image.toml").write_text("name = mine")
    with pytest.raises(BadImage, match=r"is not TOML: .*line 1.*Texts go in quotes"):
        check(tmp_path)


def test_a_good_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "image.toml").write_text(NAME + TRAIN)
    assert check(tmp_path)["programs"] == {"train": ["x"]}
