"""What is true of every model that has a file; one that is known by its answers alone says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array


class OfFile:
    """Base of `onnxplain.model.Model`, whose `onnxplain.answering.BlackBox` overrides all of this."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What has to be known of the numbers of every method, in sentences without a capital and a full stop."""
        return ()

    @property
    def probable(self) -> bool:
        """Whether the scores are probabilities by themselves."""
        return False

    @property
    def settled(self) -> bool:
        """Whether it is known how many axes the input has, which else only rows tell."""
        return True

    def settle(self, source: object) -> None:
        """Find out from the first rows what only rows tell; see `settled`."""

    def check_same(self, scores: Array, again: Callable[[], Array]) -> None:
        """Raise PredictorError where scores that were asked for are others by now, where that can be.

        again: asks for the same scores once more.
        """

    def check_has_file(self, what: str, instead: str = "") -> None:
        """Raise UnsupportedModelError for a model without a file, which `what` needs; it says what helps `instead`."""
