"""The render seam's contract on the CPU: shapes, refusals, strategies, degenerate scenes and numbers of threads.

What the images and gradients have to be is the business of tests/parity and tests/gradients.
"""

from __future__ import annotations

import inspect
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from gsplat.strategy import DefaultStrategy
from torch import Tensor

from scorp_ns.errors import ScorpError, UnsupportedError
from scorp_ns.render import gsplat_backend
from scorp_ns.render.rasterization import rasterization

# Shapes are checked twice in tests; the messages below are those a user sees, without the checking wrapper.
unchecked = inspect.unwrap(rasterization)


def scene(n: int = 200, width: int = 50, height: int = 40, sh_degree: int | None = None, cameras: int = 1) -> dict:
    """Arguments that show n Gaussians four units before every camera."""
    generator = torch.Generator().manual_seed(n)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    viewmats = torch.eye(4).repeat(cameras, 1, 1)
    viewmats[:, 0, 3] = 0.2 * torch.arange(cameras)
    K = torch.tensor([[60.0, 0.0, width / 2], [0.0, 60.0, height / 2], [0.0, 0.0, 1.0]])
    return {
        "means": normal(n, 3) + torch.tensor([0.0, 0.0, 4.0]),
        "quats": normal(n, 4),
        "scales": 0.1 * normal(n, 3).exp(),
        "opacities": normal(n).sigmoid(),
        "colors": normal(n, 3) if sh_degree is None else normal(n, (sh_degree + 1) ** 2, 3),
        "viewmats": viewmats,
        "Ks": K.repeat(cameras, 1, 1),
        "width": width,
        "height": height,
        "sh_degree": sh_degree,
    }


def with_leaves(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same arguments, with every tensor but the lenses a leaf that wants a gradient."""
    return {
        name: value.clone().requires_grad_() if isinstance(value, Tensor) and name != "Ks" else value
        for name, value in arguments.items()
    }


def gradients(arguments: dict[str, Any], **options: Any) -> dict[str, Tensor]:
    """Image, alpha and gradients of a smooth loss."""
    leaves = with_leaves(arguments)
    image, alpha, _ = rasterization(**leaves, **options)
    (image.square().sum() + alpha.sum()).backward()
    pulled = {name: value.grad for name, value in leaves.items() if isinstance(value, Tensor) and name != "Ks"}
    return {"image": image.detach(), "alpha": alpha.detach(), **pulled}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("render_mode", "channels"), [("RGB", 3), ("D", 1), ("ED", 1), ("RGB+D", 4), ("RGB+ED", 4)]
)  # fmt: skip
def test_shapes_are_gsplats(render_mode: str, channels: int, packed: bool) -> None:
    image, alpha, info = rasterization(**scene(cameras=2), render_mode=render_mode, packed=packed)
    assert image.shape == (2, 40, 50, channels)
    assert alpha.shape == (2, 40, 50, 1)
    rows = (int((info["radii"] > 0).sum()),) if packed else (2, 200)
    assert info["means2d"].shape == (*rows, 2)
    assert info["conics"].shape == (*rows, 3)
    assert info["radii"].shape == info["depths"].shape == info["opacities"].shape == rows
    assert (info["gaussian_ids"] is None) == (not packed)


def test_packed_rows_draw_the_same_image_with_the_same_gradients() -> None:
    dense, packed = (gradients(scene(sh_degree=2, cameras=2), packed=packed) for packed in (False, True))
    for name, expected in dense.items():
        torch.testing.assert_close(packed[name], expected, rtol=1e-5, atol=1e-6)


def test_tile_lists_are_nearest_first_and_complete() -> None:
    _, _, info = rasterization(**scene(), packed=False)
    starts = [*info["isect_offsets"].flatten().tolist(), len(info["flatten_ids"])]
    depths = info["depths"].flatten()[info["flatten_ids"].long()]
    assert all(bool((depths[a:b].diff() >= 0).all()) for a, b in itertools.pairwise(starts))
    counts = torch.bincount(info["flatten_ids"], minlength=200)
    assert torch.equal(counts, info["tiles_per_gauss"].flatten().long())


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("distributed", True, "distributed=True"),
        ("sparse_grad", True, "sparse_grad=True"),
        ("camera_model", "fisheye", "camera_model='fisheye'"),
        ("tile_size", 8, "tile_size=8"),
        ("covars", torch.eye(3).expand(200, 3, 3), "covars=a tensor"),
    ],
)
def test_what_only_gsplat_can_do_is_refused_by_name(option: str, value: Any, shown: str) -> None:
    with pytest.raises(UnsupportedError) as refusal:
        rasterization(**scene(), **{option: value})
    assert refusal.value.found == f"rasterization was called with {shown} and tensors on the CPU."
    assert refusal.value.do == f"Leave {option} at its default, or move the tensors to a CUDA device."


def test_harmonics_beyond_degree_three_are_refused() -> None:
    with pytest.raises(
        UnsupportedError, match=r"sh_degree=4 and tensors on the CPU\. The CPU renderer knows degrees 0"
    ):
        rasterization(**scene(sh_degree=4))


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        (
            "quats",
            torch.ones(200, 3),
            "rasterization got quats of shape [200, 3]. It has to be [200, 4]. "
            "Check that all arguments describe the same Gaussians and cameras.",
        ),
        (
            "colors",
            torch.ones(100, 3),
            "rasterization got colors of shape [100, 3]. It has to be [200, channels] or [1, 200, channels]. "
            "Check that all arguments describe the same Gaussians and cameras.",
        ),
        (
            "backgrounds",
            torch.ones(3),
            "rasterization got backgrounds of shape [3]. It has to be [1, 3]. "
            "Check that all arguments describe the same Gaussians and cameras.",
        ),
        (
            "means",
            torch.ones(200, 3).double(),
            "rasterization got means as torch.float64 on cpu. All tensors have to be float32 and on the device of "
            "means. Convert means with .to(torch.float32).",
        ),
        (
            "viewmats",
            torch.eye(4)[None].to("meta"),
            "rasterization got viewmats as torch.float32 on meta. All tensors have to be float32 and on the device of "
            "means. Convert viewmats with .to(means).",
        ),
        ("render_mode", "rgb", "rasterization got render_mode='rgb'. It is one of RGB, D, ED, RGB+D, RGB+ED. "
         "Check the spelling."),
        ("width", 0, "rasterization got width=0. An image has at least one pixel. Pass a positive width."),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_named(name: str, wrong: Any, message: str) -> None:
    with pytest.raises(ScorpError) as refusal:
        unchecked(**{**scene(), name: wrong})
    assert str(refusal.value) == message


def test_coefficients_too_few_for_the_degree_are_named() -> None:
    arguments = {**scene(sh_degree=1), "sh_degree": 3}
    with pytest.raises(ScorpError, match=r"colors of shape \[200, 4, 3\]. It has to be \[200, at least 16, 3\] or"):
        rasterization(**arguments)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("absgrad", [False, True])
def test_gsplats_default_strategy_grows_gaussians_with_it(absgrad: bool, packed: bool) -> None:
    arguments = scene(n=100)
    names = ("means", "quats", "scales", "opacities", "colors")
    params = torch.nn.ParameterDict({name: torch.nn.Parameter(arguments[name]) for name in names})
    params["scales"] = torch.nn.Parameter(arguments["scales"].log())
    params["opacities"] = torch.nn.Parameter(arguments["opacities"].logit())
    optimizers = {name: torch.optim.Adam([params[name]]) for name in names}
    strategy = DefaultStrategy(refine_start_iter=0, refine_every=1, grow_grad2d=1e-9, absgrad=absgrad)
    strategy.check_sanity(params, optimizers)
    state = strategy.initialize_state()
    image, _, info = rasterization(
        params["means"], params["quats"], params["scales"].exp(), params["opacities"].sigmoid(), params["colors"],
        *(arguments[name] for name in ("viewmats", "Ks", "width", "height")), packed=packed, absgrad=absgrad,
    )  # fmt: skip
    strategy.step_pre_backward(params, optimizers, state, 1, info)
    image.square().mean().backward()
    strategy.step_post_backward(params, optimizers, state, 1, info, packed=packed)
    assert len(params["means"]) > 100


def test_absolute_gradients_bound_the_gradients() -> None:
    image, _, info = rasterization(**with_leaves(scene()), packed=False, absgrad=True)
    info["means2d"].retain_grad()
    image.square().sum().backward()
    absgrad = info["means2d"].absgrad
    assert (absgrad >= info["means2d"].grad.abs() * (1 - 1e-4) - 1e-6).all()
    assert absgrad.sum() > 1.5 * info["means2d"].grad.abs().sum()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("away", [False, True])
def test_nothing_to_see_is_background_with_zero_gradients(away: bool, packed: bool) -> None:
    arguments = scene(n=5 if away else 0, sh_degree=1)
    arguments["means"][:, 2] -= 100
    background = torch.tensor([[0.1, 0.2, 0.3]])
    pulled = gradients({**arguments, "backgrounds": background}, packed=packed)
    assert torch.equal(pulled["image"], background.expand(1, 40, 50, 3))
    assert not pulled["alpha"].any()
    assert not any(pulled[name].any() for name in ("means", "quats", "scales", "opacities", "colors", "viewmats"))
    torch.testing.assert_close(pulled["backgrounds"], 2 * 40 * 50 * background)


@pytest.mark.parametrize("size", [1, 15, 17, 31])
def test_the_pixel_at_a_lone_gaussians_centre_shows_its_opacity(size: int) -> None:
    arguments = {**scene(n=1, width=size, height=size), "means": torch.tensor([[0.0, 0.0, 4.0]])}
    arguments["opacities"], arguments["colors"] = torch.tensor([0.5]), torch.tensor([[1.0, 2.0, 3.0]])
    pulled = gradients(arguments)
    middle = pulled["image"][0, size // 2, size // 2]
    torch.testing.assert_close(middle, torch.tensor([0.5, 1.0, 1.5]))
    if size == 1:
        torch.testing.assert_close(pulled["colors"], torch.tensor([[0.5, 1.0, 1.5]]))
        torch.testing.assert_close(pulled["opacities"], torch.tensor([2 * 0.5 * (1.0 + 4.0 + 9.0) + 1.0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("means", torch.nan), ("means", torch.inf), ("quats", 0.0), ("quats", torch.nan), ("scales", torch.inf),
     ("scales", torch.nan), ("opacities", torch.nan), ("opacities", torch.inf), ("colors", torch.nan)],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_a_gaussian_that_is_not_finite_is_left_out(name: str, value: float, mode: str) -> None:
    arguments = scene(sh_degree=1)
    names = ("means", "quats", "scales", "opacities", "colors")
    sound = {**arguments, **{key: arguments[key][3:] for key in names}}
    arguments[name][:3] = value
    expected, found = (gradients(given, packed=False, rasterize_mode=mode) for given in (sound, arguments))
    assert torch.equal(found["image"], expected["image"])
    for key in names:
        assert not found[key][:3].any(), key
        assert torch.equal(found[key][3:], expected[key]), key


def test_results_do_not_depend_on_the_number_of_threads(num_threads: Any) -> None:
    arguments = scene(n=5000, width=150, height=100, sh_degree=3, cameras=2)
    results = []
    for count in (1, 2, 5):
        num_threads(count)
        results.append(gradients(arguments, render_mode="RGB+ED", packed=False))
        results.append(gradients(arguments, packed=False))
    for one, other in ((0, 2), (0, 4), (1, 3), (1, 5)):
        for name, expected in results[one].items():
            assert torch.equal(results[other][name], expected), name


def test_two_python_threads_render_at_once(num_threads: Any) -> None:
    num_threads(2)
    arguments = scene(n=3000, width=100, height=80)
    expected = gradients(arguments)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(gradients, arguments) for _ in range(20)]
    for future in futures:
        assert all(torch.equal(value, expected[name]) for name, value in future.result().items())


def test_half_precision_is_drawn_in_float32() -> None:
    arguments = scene()
    arguments["colors"] = arguments["colors"].to(torch.bfloat16)
    image, _, _ = rasterization(**arguments)
    expected, _, _ = rasterization(**{**arguments, "colors": arguments["colors"].float()})
    assert image.dtype == torch.float32
    assert torch.equal(image, expected)


@pytest.mark.parametrize(("channels", "missing"), [(3, 0), (7, 1), (18, 14), (33, 0), (40, 0), (50, 14)])
def test_gsplat_gets_a_number_of_channels_it_has_kernels_for(channels: int, missing: int) -> None:
    assert gsplat_backend.missing_channels(channels, 32) == missing
