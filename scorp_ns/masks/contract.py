"""The contract of mask sources, as a function that packages with one can call in their tests."""

from __future__ import annotations

import numpy as np

from scorp_ns.masks.pixels import WrongSizeError, require_shape
from scorp_ns.masks.source import MaskRequest, MaskSourceConfig
from scorp_ns.products import UNKNOWN, ObjectMasks


def check_mask_source(config: MaskSourceConfig, request: MaskRequest) -> ObjectMasks | None:
    """The masks that the source builds; an AssertionError tells of anything a run cannot rely on."""
    masks = config.build(request)
    if masks is None:
        assert config.build(request) is None, "build() gave no masks once and some the next time."
        return None
    assert isinstance(masks, ObjectMasks), f"build() gave a {type(masks).__name__}; ObjectMasks or None is needed."
    assert len(masks.readers) == len(request.frames), (
        f"There are {len(masks.readers)} readers for {len(request.frames)} frames; each frame needs one, or None."
    )
    assert masks.source.strip(), "'source' is empty; it tells people where the masks come from."
    assert "\n" not in masks.source, "'source' has several lines; it is printed on one."
    again = config.build(request)
    assert isinstance(again, ObjectMasks), "build() gave masks once and none the next time."
    assert again.objects == masks.objects, "build() gave other objects the second time; labels must not change."
    for index in range(len(request.frames)):
        _check_map(masks, again, request, index)
    return masks


def _check_map(masks: ObjectMasks, again: ObjectMasks, request: MaskRequest, index: int) -> None:
    """Raise an AssertionError unless a frame's map is valid and the same each time."""
    frame, reader, other_reader = request.frames[index], masks.readers[index], again.readers[index]
    assert (reader is None) == (other_reader is None), f"'{frame.name}' had a map in one of two builds only."
    if reader is None or other_reader is None:
        return
    labels = reader()
    assert isinstance(labels, np.ndarray) and labels.dtype == np.int16 and labels.ndim == 2, (
        f"The map of '{frame.name}' is not an array of int16 with rows and columns."
    )
    assert labels.min() >= UNKNOWN and labels.max() <= len(masks.objects), (
        f"The map of '{frame.name}' holds labels from {labels.min()} to {labels.max()}; "
        f"{UNKNOWN} (unknown) to {len(masks.objects)} (the last object) are possible."
    )
    try:
        require_shape(frame.name, (labels.shape[1], labels.shape[0]), frame)
    except WrongSizeError as error:
        raise AssertionError(f"The map of {error}.") from error
    assert np.array_equal(labels, reader()), f"The map of '{frame.name}' changes when read again."
    assert np.array_equal(labels, other_reader()), f"The map of '{frame.name}' changes when built again."
