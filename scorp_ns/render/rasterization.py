"""`rasterization`: what `gsplat.rasterization` takes and returns, wherever the tensors live."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.errors import ScorpError, UnsupportedError

MAX_SH_DEGREE = 3
"""Highest spherical harmonics degree the CPU kernels know; gsplat knows 4, nerfstudio trains 3."""

TILE_SIZE = 16
"""The CPU kernels' tile edge in pixels, gsplat's default."""

RENDER_MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")
RASTERIZE_MODES = ("classic", "antialiased")


def rasterization(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
    colors: Float[Tensor, "n d"] | Float[Tensor, "n k 3"] | Float[Tensor, "c n d"] | Float[Tensor, "c n k 3"],
    viewmats: Float[Tensor, "c 4 4"],
    Ks: Float[Tensor, "c 3 3"],
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    packed: bool = True,
    tile_size: int = 16,
    backgrounds: Float[Tensor, "c d"] | None = None,
    render_mode: Literal["RGB", "D", "ED", "RGB+D", "RGB+ED"] = "RGB",
    sparse_grad: bool = False,
    absgrad: bool = False,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
    channel_chunk: int = 32,
    distributed: bool = False,
    camera_model: Literal["pinhole", "ortho", "fisheye"] = "pinhole",
    covars: Float[Tensor, "n 3 3"] | None = None,
) -> tuple[Float[Tensor, "c height width x"], Float[Tensor, "c height width 1"], dict[str, Any]]:
    """Images [c, height, width, channels], opacities [c, height, width, 1] and a dictionary of intermediates.

    Arguments, results and conventions are gsplat 1.4.0's: quaternions wxyz of any length, viewmats world to OpenCV
    camera, colors either plain channels or, with `sh_degree`, spherical harmonics coefficients. `info["means2d"]` is
    part of the graph, so its gradient can be retained, and with `absgrad` it gets an attribute of that name.

    Tensors on a CUDA device go to gsplat. Others go to kernels that differ in three respects: Gaussians with a NaN or
    an infinity are left out; tiles that no pixel of a Gaussian's visible ellipse lies in are not listed in `info`,
    which has no `isect_ids`; and centres and conics stay in double precision up to the pixel.
    """
    arguments = dict(locals())
    if means.device.type == "cuda":
        from scorp_ns.render import gsplat_backend

        return gsplat_backend.rasterize(**arguments)
    _check_supported(arguments)
    _check_tensors(arguments)
    from scorp_ns.render.cpu.rasterizer import RenderSettings, rasterize

    view = RenderSettings(
        width, height, near_plane, far_plane, radius_clip, eps2d, sh_degree, packed, render_mode, absgrad,
        rasterize_mode == "antialiased",
    )  # fmt: skip
    names = ("means", "quats", "scales", "opacities", "colors", "viewmats", "Ks", "backgrounds")
    # Mixed precision may hand over half-precision tensors; the kernels count in float32 throughout.
    tensors = (arguments[name] if arguments[name] is None else arguments[name].float() for name in names)
    return rasterize(*tensors, view=view)


def _check_supported(arguments: dict[str, Any]) -> None:
    """Refuse what gsplat takes and the CPU kernels do not."""
    defaults = {"sparse_grad": False, "distributed": False, "camera_model": "pinhole", "covars": None}
    defaults["tile_size"] = TILE_SIZE
    for name, default in defaults.items():
        value = arguments[name]
        if value is default or (not isinstance(value, Tensor) and value == default):
            continue
        shown = "a tensor" if isinstance(value, Tensor) else repr(value)
        raise UnsupportedError(
            found=f"rasterization was called with {name}={shown} and tensors on the CPU.",
            needed=f"The CPU renderer only knows {name}={default!r}.",
            do=f"Leave {name} at its default, or move the tensors to a CUDA device.",
        )
    degree = arguments["sh_degree"]
    if degree is not None and not 0 <= degree <= MAX_SH_DEGREE:
        raise UnsupportedError(
            found=f"rasterization was called with sh_degree={degree} and tensors on the CPU.",
            needed=f"The CPU renderer knows degrees 0 to {MAX_SH_DEGREE}.",
            do="Lower sh_degree, or move the tensors to a CUDA device.",
        )


def _check_tensors(arguments: dict[str, Any]) -> None:
    """Refuse arguments that do not fit together, naming the first that does not."""
    check_choice("rasterization", "render_mode", arguments["render_mode"], RENDER_MODES)
    check_choice("rasterization", "rasterize_mode", arguments["rasterize_mode"], RASTERIZE_MODES)
    for name in ("width", "height"):
        if arguments[name] < 1:
            raise ScorpError(
                found=f"rasterization got {name}={arguments[name]}.",
                needed="An image has at least one pixel.",
                do=f"Pass a positive {name}.",
            )
    n, c = arguments["means"].shape[0], arguments["viewmats"].shape[0]
    shapes = {"means": (n, 3), "quats": (n, 4), "scales": (n, 3), "opacities": (n,)}
    for name, shape in (shapes | {"viewmats": (c, 4, 4), "Ks": (c, 3, 3)}).items():
        _check_tensor(name, arguments[name], [shape])
    _check_tensor("colors", arguments["colors"], _color_shapes(arguments, n, c))
    if arguments["backgrounds"] is not None:
        channels = 3 if arguments["sh_degree"] is not None else arguments["colors"].shape[-1]
        _check_tensor("backgrounds", arguments["backgrounds"], [(c, channels)])


def _color_shapes(arguments: dict[str, Any], n: int, c: int) -> list[tuple[int | str, ...]]:
    """The shapes colors may have: shared by the cameras, or one set for each."""
    degree = arguments["sh_degree"]
    if degree is None:
        return [(n, "channels"), (c, n, "channels")]
    fewest = f"at least {(degree + 1) ** 2}"
    return [(n, fewest, 3), (c, n, fewest, 3)]


def check_choice(function: str, name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the function's choices."""
    if value not in choices:
        raise ScorpError(
            found=f"{function} got {name}={value!r}.",
            needed=f"It is one of {', '.join(choices)}.",
            do="Check the spelling.",
        )


def _check_tensor(name: str, tensor: Tensor, shapes: list[tuple[int | str, ...]]) -> None:
    """Refuse a tensor on another device, of another kind of number, or of none of the shapes."""
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise ScorpError(
            found=f"rasterization got {name} as {tensor.dtype} on {tensor.device}.",
            needed="All tensors have to be float32 and on the device of means.",
            do=f"Convert {name} with .to({'torch.float32' if name == 'means' else 'means'}).",
        )
    if not any(_fits(tensor.shape, shape) for shape in shapes):
        raise ScorpError(
            found=f"rasterization got {name} of shape {list(tensor.shape)}.",
            needed=f"It has to be {' or '.join(_shown(shape) for shape in shapes)}.",
            do="Check that all arguments describe the same Gaussians and cameras.",
        )


def _fits(found: torch.Size, needed: tuple[int | str, ...]) -> bool:
    if len(found) != len(needed):
        return False
    return all(_fits_length(length, need) for length, need in zip(found, needed, strict=True))


def _fits_length(length: int, need: int | str) -> bool:
    """True if a dimension is as needed: a number, `at least` a number, or anything with a name."""
    if isinstance(need, int):
        return length == need
    return length >= int(need.rsplit(" ", 1)[1]) if need.startswith("at least") else length > 0


def _shown(shape: tuple[int | str, ...]) -> str:
    return "[" + ", ".join(str(length) for length in shape) + "]"
