"""Writing SVG: elements with escaped text and short numbers, and how wide a text will be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape

Attribute = str | float | int | None

_WIDTHS: Final = {"i": 0.26, "l": 0.26, "j": 0.28, ".": 0.28, ",": 0.28, " ": 0.3, "f": 0.34, "t": 0.36, "r": 0.38,
                  "m": 0.88, "w": 0.78, "M": 0.9, "W": 0.98, "1": 0.56, "%": 0.86}  # fmt: skip


def number(value: float) -> str:
    """A coordinate with at most one decimal: more cannot be seen and costs bytes."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, inside: str | Markup = "", /, **attributes: Attribute) -> Markup:
    """One element. `class_` is `class`, an underscore in a name is a hyphen; None leaves an attribute out."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(f' {attribute}="{value if isinstance(value, str) and value.isalnum() else _value(value)}"')
    body = escape(inside)
    parts.append(f">{body}</{name}>" if body else "/>")
    return Markup("".join(parts))  # noqa: S704  every part was escaped above


def join(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def path(points: Sequence[tuple[float, float]], *, closed: bool = False, class_: str = "line") -> Markup:
    """A line through points in order; nothing when there are none."""
    if not points:
        return Markup("")
    steps = [f"{number(x)},{number(y)}" for x, y in points]
    return element("path", class_=class_, d=f"M{' '.join(steps)}{'Z' if closed else ''}")


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", class_=class_, x1=x1, y1=y1, x2=x2, y2=y2)


def text(x: float, y: float, said: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    """A text at its baseline. `anchor` is start (left out), middle or end."""
    return element("text", said, x=x, y=y, class_=class_, text_anchor=anchor)


def titled(name: str, title: str, /, **attributes: Attribute) -> Markup:
    """An element that says its numbers when it is pointed at."""
    return element(name, element("title", title), **attributes)


def drawing(width: float, height: float, label: str, inside: Markup, *, class_: str = "plot") -> Markup:
    """The whole picture with the sentence that stands for it where it cannot be seen."""
    return element(
        "svg", inside, class_=class_, viewBox=f"0 0 {number(width)} {number(height)}", role="img", aria_label=label
    )


def width(said: str, size: float = 11.5) -> float:
    """About how wide a text is drawn, in pixels; errs to the wide side."""
    return sum(_WIDTHS.get(letter, 0.66 if letter.isupper() else 0.57) for letter in said) * size


def fitting(said: str, room: float, size: float = 11.5) -> str:
    """The text, or its beginning and an ellipsis where the room is too small."""
    if width(said, size) <= room:
        return said
    cut = said
    while cut and width(cut + "…", size) > room:
        cut = cut[:-1]
    return f"{cut.rstrip()}…"


def _value(value: str | float | int) -> Markup:
    return Markup(number(value)) if isinstance(value, int | float) else escape(value)  # noqa: S704  digits only
