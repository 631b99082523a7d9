"""The built-in source of object masks: files beside the capture, in any of the known layouts."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.errors import MaskError
from scorp_ns.masks.detection import find_all, find_at, folders_without_masks, shown
from scorp_ns.masks.matching import SUFFIXES
from scorp_ns.masks.names import OBJECTS_FILE, NameTable, read_names
from scorp_ns.masks.numbering import number_objects, with_boxes
from scorp_ns.masks.raw import FoundMasks
from scorp_ns.masks.source import MaskRequest, ignore_warning
from scorp_ns.masks.survey import survey
from scorp_ns.messages import some_of
from scorp_ns.products import UNKNOWN, ObjectMasks

OPTION = "--pipeline.datamanager.masks-path"
"""The option that chooses masks on the command line."""


@dataclass(frozen=True)
class FilesConfig:
    """Masks from files; `masks/layouts` has a file for each layout."""

    def build(self, request: MaskRequest) -> ObjectMasks | None:
        """The masks of the first layout that fits, and objects that objects.json gives by a box."""
        table = _capture_names(request)
        masks = _chosen_masks(request)
        boxed = [named for named in table.objects if named.info.box]
        if masks is not None:
            return with_boxes(masks, boxed)
        if boxed:
            infos = tuple(named.info for named in boxed)
            return ObjectMasks(infos, (None,) * len(request.frames), f"boxes in {OBJECTS_FILE}")
        if table.objects:
            names = [named.info.name for named in table.objects]
            request.warn(f"{table.path} names {some_of(names)}, but no object masks were found in {request.folder}.")
        return None


def _capture_names(request: MaskRequest) -> NameTable:
    """The objects of the capture's objects.json, or of ours; its warnings come with the masks."""
    for path in (request.folder / OBJECTS_FILE, request.folder / "object_masks" / OBJECTS_FILE):
        if path.is_file():
            return read_names(path, ignore_warning)
    return NameTable()


def _chosen_masks(request: MaskRequest) -> ObjectMasks | None:
    """The masks that the user names, or the first found that hold an object; None if there are none."""
    if request.masks_path is not None:
        found = find_at(request.masks_path, request)
        masks = _read(found, [], request)
        if masks is None:
            raise _no_object(found)
        return masks
    every = find_all(request.folder, request)
    for folder in folders_without_masks(request.folder) if not every else []:
        request.warn(f"{folder} holds no mask files, which end in {', '.join(SUFFIXES)}.")
    usable = [found for found in every if found.num_frames]
    if every and not usable:
        raise _no_match(every[0], request)
    for found in usable:
        masks = _read(found, [other for other in every if other is not found], request)
        if masks is not None:
            return masks
        request.warn(
            f"The {found.title} hold no pixel of an object, as masks of valid pixels do, and no names; "
            "they are not used as object masks."
        )
    return None


def _read(found: FoundMasks, others: list[FoundMasks], request: MaskRequest) -> ObjectMasks | None:
    """The masks; None if they hold no object and no names, so that they seem to be about something else."""
    if not found.num_frames:
        raise _no_match(found, request)
    raw = found.read()
    seen = survey(raw.readers, found.title, request.warn)
    if not any(number not in (0, UNKNOWN) for number in seen.pixels):
        if raw.names_ids:
            return None
        raise _no_object(found)
    if raw.names_ids:
        request.warn(f"No {OBJECTS_FILE} names the objects in the {found.title}; they are called by their ids.")
    return number_objects(raw, seen, _describe(found, others, request), request.warn)


def _describe(found: FoundMasks, others: list[FoundMasks], request: MaskRequest) -> str:
    """One line on where the masks come from, and what else there is."""
    text = f"{found.title}, {found.num_frames} of {len(request.frames)} frames"
    if not others:
        return text
    choices = "; ".join(f"{other.title} ({OPTION} {shown(other.path)})" for other in others)
    return f"{text}; not used: {choices}"


def _no_match(found: FoundMasks, request: MaskRequest) -> MaskError:
    names = [frame.name for frame in request.frames]
    return MaskError(
        f"None of the {found.title} has the name of an image. "
        f"The masks are {some_of(found.keys)}; the images are {some_of(names)}.",
        "A mask is called like its image, up to the ending: 'masks/0001.png' for 'images/0001.jpg', "
        "or 'masks/cam0/0001.png' where several folders have an image of that name.",
        f"Rename the masks, or choose others with {OPTION}.",
    )


def _no_object(found: FoundMasks) -> MaskError:
    return MaskError(
        f"The {found.title} hold no pixel of any object in {found.num_frames} frames.",
        "Objects are ids above 0 in label maps (255 in 8 bits means unknown), or white or opaque in binary masks.",
        f"Check how {found.path} was written; a binary mask belongs in object_masks/<object name>/.",
    )
