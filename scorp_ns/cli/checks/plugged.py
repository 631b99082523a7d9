"""What other packages add: plugins, and libraries that are used where they are."""

from __future__ import annotations

from importlib import metadata

from scorp_ns.cli.checks.requirements import pip_line, required, version_that_fits
from scorp_ns.cli.findings import Answer, ok, warning
from scorp_ns.errors import ScorpError
from scorp_ns.plugins.registry import MASK_SOURCES, MATCHERS, load_plugin, plugin_names

OPTIONAL_PACKAGES = {
    "diffusers": "for generators that run diffusion models",
    "transformers": "for generators, for matchers that are networks, and for metrics that use CLIP",
    "accelerate": "for generators that load large models",
    "coacd": "for `scorp export` to URDF and MJCF",
    "usd-core": "for `scorp export` to USD and USDZ",
    "gsply": "for `scorp export` to SPZ",
    "tinycudann": "",
    "pytorch3d": "",
}
"""What each is for; empty for those that users of such methods look for, and that are not needed."""


def mask_sources() -> Answer:
    """The sources of object masks, each loaded."""
    return _loaded(MASK_SOURCES) or warning(
        "none, so object masks cannot be read", "Install scorp again: pip install ."
    )


def plugins(group: str) -> Answer:
    """The plugins in a group that this version brings none of itself, each loaded."""
    return _loaded(group) or ok("none in this version")


def matchers() -> Answer:
    """The matchers of features, each built: which can be used, and what the others lack."""
    names = plugin_names(MATCHERS)
    usable, lacking, remedies = [], [], []
    for name in names:
        try:
            load_plugin(MATCHERS, name).build()
            usable.append(name)
        except ScorpError as error:
            lacking.append(f"not {name}: {error.found}")
            remedies.append(error.do)
    if not usable:
        return warning(" ".join(["none", *lacking]), "Install scorp again: pip install .")
    return ok(f"{', '.join(usable)}{'; ' if lacking else ''}{' '.join(lacking)}", " ".join(remedies))


def optional_package(package: str, use: str) -> Answer:
    """A package's version, or what it would be for."""
    try:
        version, fits = version_that_fits(package)
    except metadata.PackageNotFoundError:
        return ok(f"absent; {use}", f"{pip_line(package)}, if you want it") if use else ok("absent; not needed")
    if not fits:
        return warning(f"{version}, and scorp works with {required(package)}", pip_line(package))
    return ok(version if use else f"{version}; not needed")


def _loaded(group: str) -> Answer | None:
    """The plugins of a group if all load; what is wrong with the first that does not; None if there are none."""
    names = plugin_names(group)
    for name in names:
        try:
            load_plugin(group, name)
        except ScorpError as error:
            return warning(f"{', '.join(names)}. {error.found}", error.do)
    return ok(", ".join(names)) if names else None
