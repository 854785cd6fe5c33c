"""From the categories that annotations use to indices into the detector's class list."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calibtui.core.errors import AnnotationError

_PLACEHOLDER = re.compile(r"(class|category|label|cls)?[\s_-]*\d*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClassMap:
    """`classes` in index order; `index` from each category key of the annotations to its place there."""

    classes: tuple[str, ...]
    index: Mapping[int | str, int]


def map_categories(
    where: str, categories: Mapping[int | str, str | None], used: Sequence[int | str], model: tuple[str, ...] | None
) -> ClassMap:
    """How the `categories` (key: name) of the annotations `where` become class indices. Only `used` ones must fit.

    By name where both sides have names: exactly, else with case, blanks, underscores and hyphens folded. By index
    where one side has none (or placeholders such as "class_3"): the place in the order of the sorted keys where there
    are as many categories as classes or the classes are unknown, else the key itself where all keys are valid indices.

    Raises AnnotationError that names the classes which the model doesn't have, with the nearest it has.
    """
    names = {key: (name or "").strip() for key, name in categories.items()}
    named = bool(names) and usable(list(names.values()))
    if model is None or not usable(model):
        return _by_index(where, names, used, model, keep_names=named)
    return _by_name(where, names, used, model) if named else _by_index(where, names, used, model, keep_names=False)


def usable(names: Sequence[str]) -> bool:
    """True where `names` say what the classes are: none empty, not all of them numbered placeholders."""
    return bool(names) and all(names) and not all(_PLACEHOLDER.fullmatch(name) for name in names)


def fold(name: str) -> str:
    """`name` as it is compared: without case, blanks, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _by_name(where: str, names: Mapping[int | str, str], used: Sequence[int | str], model: tuple[str, ...]) -> ClassMap:
    exact = {name: index for index, name in enumerate(model)}
    times = Counter(map(fold, model))
    folded = {fold(name): index for index, name in enumerate(model) if times[fold(name)] == 1}
    index = {key: exact.get(name, folded.get(fold(name))) for key, name in names.items()}
    missing = [names[key] for key in used if index[key] is None]
    if missing:
        listed = ", ".join(_with_nearest(name, model) for name in missing[:8])
        known = ", ".join(model[:12])
        raise AnnotationError(
            f"{where} uses classes that the model doesn't have: {listed}{' and more' if len(missing) > 8 else ''}.",
            f"The model's are {known}{', …' if len(model) > 12 else ''}. Rename them, or set classes in [model].",
        )
    return ClassMap(model, {key: place for key, place in index.items() if place is not None})


def _with_nearest(name: str, model: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(fold(name), [fold(known) for known in model], n=1, cutoff=0.5)
    nearest = next((known for known in model if near and fold(known) == near[0]), None)
    return f"{name!r} (nearest: {nearest!r})" if nearest else repr(name)


def _by_index(
    where: str,
    names: Mapping[int | str, str],
    used: Sequence[int | str],
    model: tuple[str, ...] | None,
    *,
    keep_names: bool,
) -> ClassMap:
    ordered = sorted(names, key=lambda key: (isinstance(key, str), key))
    if model is None or len(ordered) == len(model):
        index = {key: place for place, key in enumerate(ordered)}
    elif all(isinstance(key, int) and 0 <= key < len(model) for key in used):
        index = {key: key for key in ordered if isinstance(key, int)}
        keep_names = False
    else:
        raise AnnotationError(
            f"{where} has {len(ordered)} classes and the model {len(model)}, and they share no names to map them by.",
            "Set classes in [model] to the model's class names.",
        )
    if keep_names or model is None:
        return ClassMap(tuple(names[key] or f"class_{place}" for place, key in enumerate(ordered)), index)
    return ClassMap(model, index)
