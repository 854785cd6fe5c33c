"""Why a search's result misses the limit, in words."""

from __future__ import annotations

from calibtui.core.summary import EvaluationSummary, SearchSummary
from calibtui.pipeline.search.float_layers import LEAST_INT8


def missed_in_words(search: SearchSummary, evaluation: EvaluationSummary, limit: float) -> str:
    """What was found, on how many frames, and what to do next."""
    chosen = next((trial for trial in search.trials if trial.chosen), None)
    share = f"{100 * chosen.int8_multiply_adds:.1f} % of the multiply-adds in INT8" if chosen else "all in INT8"
    best = f"The best found is {search.recipe}, with {share}."
    if not search.held:
        reason = (
            f"No recipe with {100 * LEAST_INT8:.0f} % in INT8 or more held {limit:g} points surely enough on the "
            f"{search.frames} frames of the search split."
        )
    else:
        drop = "" if chosen is None or chosen.drop is None else f" (it lost {chosen.drop:.2f} points there)"
        reason = f"It held on the {search.frames} frames of the search split{drop}, but not on the other frames."
    if evaluation.low <= limit:
        reason += (
            f" The interval of the drop is [{evaluation.low:.1f}, {evaluation.high:.1f}] points: "
            f"{evaluation.frames} frames are too few to tell it from the limit, so evaluate on more."
        )
    else:
        reason += " Leave more layers in float with [quantization] float_layers, or allow a larger drop."
    return f"{best} {reason}"
