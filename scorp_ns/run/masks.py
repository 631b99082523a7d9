"""The stage that checks the object masks before training, and shows them."""

from __future__ import annotations

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import OutputError
from scorp_ns.masks.contact_sheet import write_contact_sheet
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, MaskFacts, StageText, SuspiciousMask
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run

NO_MASKS = (
    "No object masks: the scene is trained alone. Masks are found in object_masks/<object name>/<image name>.png and "
    "other layouts, or where --pipeline.datamanager.masks-path says."
)


class MaskStage(ObjectStage):
    """The check of the object masks; the data manager leaves out those that cannot be used."""

    name = "masks"
    text = StageText("masks", "masks", "It is left out.", MaskFacts)

    def check(self, run: Run) -> None:
        """Print the findings and write a contact sheet; no masks are no fault."""
        masks, check = run.data.given_masks, run.data.mask_check
        if masks is None or check is None:
            CONSOLE.print(NO_MASKS, markup=False)
            return
        CONSOLE.print(f"Object masks: {masks.source}", markup=False)
        CONSOLE.print("\n".join(check.report_lines()), markup=False, highlight=False)
        try:
            path = write_contact_sheet(masks, run.data.mask_frames, check, run.folder / "masks.png")
            CONSOLE.print(f"To look at the masks, open {path}", markup=False)
        except OutputError as error:
            CONSOLE.print(str(error), style="yellow", markup=False)

    def facts(self, run: Run, name: str) -> MaskFacts:
        """The masks of one object."""
        check = run.data.mask_check
        found = {} if check is None else {one.name: one for one in check.objects}
        if check is None or name not in found:
            return MaskFacts(state=SKIPPED, reason="The object was picked by a click.", origin="click")
        one, boxed = found[name], {info.name for info in check.masks.objects if info.box is not None}
        return MaskFacts(
            state=DONE if one.verdict is None else FAILED,
            reason=one.verdict,
            origin="box" if name in boxed and not one.num_frames else "masks",
            frames=one.num_frames,
            missing=one.num_missing,
            cut=one.num_cut,
            mean_area=one.mean_area,
            suspicious=[SuspiciousMask(check.frame_names[each.frame], each.reason) for each in one.suspicions],
        )
