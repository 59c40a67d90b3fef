"""Each choice of a drawing takes what it says, and refuses the rest by its name."""

import numpy as np
import pytest

from onnxplain.errors import UsageError
from onnxplain.show.style import LEVELS, Style, limit

WRONG = [
    *[("alpha", each) for each in (-0.1, 1.1, "0.5", True, float("nan"))],
    *[("sign", each) for each in ("both", None)],
    *[("vmax", each) for each in (0, -1, "99", "101%", "x%", "-1%", float("inf"))],
    *[("threshold", each) for each in (-1, "1", "200%", True)],
    *[("contours", each) for each in ((0.0,), (1.0,), "0.5", 0.5, ("a",))],
    *[("background", each) for each in ("gray", None)],
    *[("boxes", each) for each in (3, [(1, 2, 3)], [(3, 0, 1, 2)], [(0, 0, 1, "a")], {"a": [(1, 2)]}, "box")],
    *[("boxes", each) for each in ({"a": 3}, {"a": "box"}, [[[1], [1, 2]]], [{1: 2}], [(0, 0, 10**400, 1)])],
    *[("masks", each) for each in (3, "mask.png")],
    *[("font", each) for each in ("nowhere.ttf",)],
    *[("cmap", each) for each in (3,)],
    *[("size", each) for each in (63, 16385, 100.0, True, "100")],
    *[("kind", each) for each in ("dots", 1)],
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_a_choice_cannot_have_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"^{name}="):
        Style(**{name: value})


def test_an_unknown_choice_is_refused_with_the_one_that_is_meant():
    with pytest.raises(UsageError, match="no choice 'colour'"):
        Style.of({"colour": "red"})
    with pytest.raises(UsageError, match="did you mean 'contours'"):
        Style.of({"contour": False})


def test_contours_are_levels():
    assert Style().levels == LEVELS
    assert Style(contours=False).levels == ()
    assert Style(contours=[0.8, 0.25]).levels == (0.25, 0.8)


def test_a_limit_is_a_number_or_a_percentile():
    size = np.arange(101.0)
    assert limit(7, "vmax", size) == 7
    assert limit("90%", "vmax", size) == 90
