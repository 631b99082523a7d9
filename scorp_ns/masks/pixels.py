"""Mask files as arrays: ids of objects, or the pixels of one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int32, Shaped, UInt8
from PIL import Image, UnidentifiedImageError

from scorp_ns.masks.source import Frame, Size
from scorp_ns.products import UNKNOWN

IdMap = Int32[np.ndarray, "h w"]
"""The id of each pixel: 0 for no object, an object's id, or UNKNOWN."""

MOST_ID = 2**16 - 1
"""The largest id of an object in files; values above stand for colours without a name."""

Color = tuple[int, int, int]


class MaskFileError(Exception):
    """A mask that cannot be used; the run goes on without it."""

    def __init__(self, path: Path | str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path} {problem}")


class WrongSizeError(MaskFileError):
    """A mask of another shape than its image."""


class ColourMaskError(MaskFileError):
    """A map of colours without a meaning."""


def require_shape(path: Path | str, size: Size, frame: Frame) -> None:
    """Raise a WrongSizeError unless a mask of this size fits the image, to a pixel at the smaller of the two sizes."""
    width, height = size
    scale_x, scale_y = width / frame.width, height / frame.height
    smaller = min(1.0, 1 / max(scale_x, scale_y, 1e-9))
    off_x = abs(width - frame.width * scale_y) * smaller
    off_y = abs(height - frame.height * scale_x) * smaller
    if min(off_x, off_y) > 1:
        raise WrongSizeError(path, f"is {width}x{height}, and its image {frame.width}x{frame.height}")


def read_ids(path: Path, frame: Frame, colors: Mapping[Color, int], has_255: bool) -> IdMap:
    """The ids in a label map; 255 in one of 8 bits is UNKNOWN unless an object has this id."""
    if path.suffix.lower() == ".npy":
        ids = _read_array(path, frame)
    else:
        with opened(path, frame) as image:
            ids = _ids_of_image(path, image, colors)
    is_8_bit = ids.dtype == np.uint8
    ids = ids.astype(np.int32)
    if is_8_bit and not has_255:
        ids[ids == 255] = UNKNOWN
    return ids


def read_binary(path: Path, frame: Frame, only_alpha: bool = False) -> Bool[np.ndarray, "h w"]:
    """The pixels of an object: by the alpha channel where it tells, else those brighter than half of the range.

    A palette counts as brightness where it is grey, else every entry but the first is the object.
    """
    if path.suffix.lower() == ".npy":
        return _is_bright(_read_array(path, frame))
    with opened(path, frame) as image:
        if "A" in image.getbands() or "transparency" in image.info:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
            if only_alpha or alpha.min() < 255:
                return alpha > 127
        if image.mode == "P":
            return _is_bright_in_palette(image)
        values = np.asarray(image)
        return _is_bright(values if values.ndim == 2 else values[..., :3].max(axis=-1))


@contextmanager
def opened(path: Path, frame: Frame) -> Iterator[Image.Image]:
    """A context with the decoded image; a MaskFileError if it cannot be used."""
    try:
        with Image.open(path) as image:
            require_shape(path, image.size, frame)
            image.load()
            yield image
    except UnidentifiedImageError as error:
        problem = "is empty" if path.stat().st_size == 0 else "is of no known image format"
        raise MaskFileError(path, problem) from error
    except FileNotFoundError as error:
        raise MaskFileError(path, "is a link that leads nowhere" if path.is_symlink() else "does not exist") from error
    except OSError as error:
        raise MaskFileError(path, f"cannot be read ({error.strerror or error})") from error
    except Image.DecompressionBombError as error:
        raise MaskFileError(path, "has more pixels than Pillow opens") from error
    except (ValueError, SyntaxError) as error:
        raise MaskFileError(path, f"cannot be read ({error})") from error


def _read_array(path: Path, frame: Frame) -> Shaped[np.ndarray, "h w"]:
    """The numbers in a .npy file, which must be a table of whole ones."""
    try:
        values = np.load(path, allow_pickle=False)
    except OSError as error:
        raise MaskFileError(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise MaskFileError(path, "is not an array of numbers") from error
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise MaskFileError(path, f"holds an array of {values.ndim} dimensions and type {values.dtype}")
    require_shape(path, (values.shape[1], values.shape[0]), frame)
    return _require_ids(path, values)


def _ids_of_image(path: Path, image: Image.Image, colors: Mapping[Color, int]) -> Shaped[np.ndarray, "h w"]:
    """Ids as the file holds them; those of 8 bits stay of 8 bits."""
    if image.mode in ("1", "L", "P"):
        return np.array(image)
    if image.mode == "LA":
        return np.array(image.getchannel("L"))
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _require_ids(path, np.array(image))
    if image.mode in ("RGB", "RGBA"):
        return _ids_of_colors(path, np.asarray(image)[..., :3], colors)
    raise MaskFileError(path, f"has pixels of type {image.mode}")


def _require_ids(path: Path, values: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w"]:
    """The values, if all can be ids, or UNKNOWN."""
    lowest, highest = int(values.min()), int(values.max())
    if lowest < UNKNOWN or highest > MOST_ID:
        raise MaskFileError(path, f"holds {lowest if lowest < UNKNOWN else highest}, and ids go from 0 to {MOST_ID}")
    return values


def _ids_of_colors(
    path: Path, rgb: UInt8[np.ndarray, "h w 3"], colors: Mapping[Color, int]
) -> Shaped[np.ndarray, "h w"]:
    """The id of each pixel's colour; grey values are ids, and black is no object."""
    packed = rgb.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    present = np.unique(packed)
    known = {0: 0} | {pack(color): number for color, number in colors.items()}
    is_grey = bool((present == (present & 255) * 0x010101).all())
    if is_grey and not all(int(color) in known for color in present):
        return rgb[..., 0]
    if not colors:
        raise ColourMaskError(path, "holds colours")
    ids = np.array([known.get(int(color), MOST_ID + 1 + int(color)) for color in present], np.int32)
    return ids[np.searchsorted(present, packed)]


def pack(color: Color) -> int:
    """A colour as one number, the way it is written in #rrggbb."""
    return color[0] << 16 | color[1] << 8 | color[2]


def _is_bright(values: Shaped[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """A mask of the values above half of the smallest range of 1, 8 or 16 bits that holds all of them."""
    highest = values.max()
    for limit in (1, 255):
        if highest <= limit:
            return values > limit / 2
    return values > MOST_ID / 2


def _is_bright_in_palette(image: Image.Image) -> Bool[np.ndarray, "h w"]:
    """A mask of the bright entries of a grey palette; else of all entries but the first."""
    indices = np.asarray(image)
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    used = palette[np.unique(indices[indices < len(palette)])]
    if (used == used[:, :1]).all() and len(used):
        return np.asarray(image.convert("L")) > 127
    return indices > 0


def resize_nearest(pixels: Shaped[np.ndarray, "h w"], width: int, height: int) -> Shaped[np.ndarray, "height width"]:
    """The map at another size: every pixel takes the value that lies under its centre."""
    if pixels.shape == (height, width):
        return pixels
    rows = (2 * np.arange(height) + 1) * pixels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * pixels.shape[1] // (2 * width)
    return pixels[rows[:, None], columns[None, :]]
