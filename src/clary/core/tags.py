"""Tags, in the two forms that APIs have for them: a list of Key and Value, or a map."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def tags_of(value: object) -> dict[str, str]:
    """Read tags in either form; what is neither has none."""
    if isinstance(value, dict):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, list):
        return {
            str(tag["Key"]): str(tag.get("Value", ""))
            for tag in value
            if isinstance(tag, dict) and "Key" in tag
        }
    return {}


def retagged(kept: object, add: object = None, gone: Collection[str] = ()) -> dict[str, str]:
    """Return tags with others added or put in their place, and without those that are to go."""
    return {key: text for key, text in {**tags_of(kept), **tags_of(add)}.items() if key not in gone}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as a list."""
    return [{"Key": key, "Value": text} for key, text in tags.items()]
