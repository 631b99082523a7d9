"""What scorp's own installation asks of other packages: the numbers stand in pyproject.toml only."""

from __future__ import annotations

from importlib import metadata

from scorp_ns.cli.findings import Answer, failure, ok

DISTRIBUTION = "scorp-ns"


def required(package: str) -> str:
    """A package with the versions that fit, as pip takes it; just the package where scorp asks for no version."""
    from packaging.requirements import Requirement

    for line in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(line)
        if requirement.name == package:
            return f"{package}{requirement.specifier}"
    return package


def pip_line(*packages: str) -> str:
    """The command that installs the versions that fit."""
    return "pip install " + " ".join(f"'{required(package)}'" for package in packages)


def version_that_fits(package: str) -> tuple[str, bool]:
    """The version that is installed, and whether scorp can work with it; raises where there is none."""
    from packaging.requirements import Requirement

    version = metadata.version(package)
    return version, Requirement(required(package)).specifier.contains(version, prereleases=True)


def installed(package: str) -> Answer:
    """Whether a package that scorp needs is there in a version that fits."""
    try:
        version, fits = version_that_fits(package)
    except metadata.PackageNotFoundError:
        return failure("not installed", pip_line(package))
    return ok(version) if fits else failure(f"{version}, and scorp needs {required(package)}", pip_line(package))
