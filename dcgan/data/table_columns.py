"""Which columns of a table are its images and its labels, by the features of the library `datasets`."""

from __future__ import annotations

from typing import Any

from dcgan.locale.language import tr, tr_later, tr_marked

_LABEL_NAMES = ("label", "labels", "class", "cls")


def label_of(value: Any, labels: dict[str, int]) -> int:
    """Return the label of a value; -1 where there is none."""
    if isinstance(value, int):
        return value if 0 <= value < len(labels) else -1
    return labels.get(str(value), -1) if value is not None else -1


def image_column(name: str, features: dict[str, Any], requested: str) -> str:
    """Return the column of the images. Raises ValueError that lists the columns where it is not clear."""
    images = [column for column, feature in features.items() if type(feature).__name__ == "Image"]
    candidates = images or [column for column, feature in features.items() if _has_bytes(feature)]
    return _column(name, features, candidates, requested, "image")


def label_column(name: str, features: dict[str, Any], requested: str) -> str:
    """Return the column of the labels; empty without one. Raises ValueError where it is not clear."""
    labels = [column for column, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    candidates = labels or [column for column in _LABEL_NAMES if _is_label(features.get(column))]
    return _column(name, features, candidates, requested, "label") if candidates or requested else ""


def _column(name: str, features: dict[str, Any], candidates: list[str], requested: str, kind: str) -> str:
    flag = f"--data.{kind}-column"
    if requested:
        if requested not in features:
            raise ValueError(
                tr(
                    "{table} has no column {column}, but {columns}; change {flag}",
                    table=name,
                    column=requested,
                    columns=", ".join(features),
                    flag=flag,
                )
            )
        return requested
    if not candidates:
        raise ValueError(
            tr(
                "{table} has no column of images, but {columns}; name one by {flag}",
                table=name,
                columns=", ".join(features),
                flag=flag,
            )
        )
    if len(candidates) > 1:
        values = {"table": name, "columns": ", ".join(candidates), "flag": flag, "first": candidates[0]}
        raise ValueError(tr_marked(_SEVERAL[kind], **values))
    return candidates[0]


_SEVERAL = {
    "image": tr_later("{table} has the image columns {columns}; name one: {flag} {first}"),
    "label": tr_later("{table} has the label columns {columns}; name one: {flag} {first}"),
}
"""What is searched -> message."""


def _has_bytes(feature: Any) -> bool:
    return getattr(feature, "dtype", "") in ("binary", "large_binary") or (
        isinstance(feature, dict) and "bytes" in feature
    )


def _is_label(feature: Any) -> bool:
    dtype = str(getattr(feature, "dtype", ""))
    return type(feature).__name__ == "Value" and (dtype.startswith(("int", "uint")) or "string" in dtype)
