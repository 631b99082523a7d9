"""The generator 'command': a program that is run once for every object, with a job folder and a path for its result."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from string import Formatter
from typing import Literal

from scorp_ns.errors import GenerationError, UnsupportedError
from scorp_ns.generate.external.job_folder import job_name, write_job
from scorp_ns.generate.external.job_result import has_result, read_result
from scorp_ns.generate.external.processes import run_program
from scorp_ns.generate.external.watchdog import ended_in_order
from scorp_ns.generate.generator import Work
from scorp_ns.generate.request_digest import request_digest
from scorp_ns.messages import one_line
from scorp_ns.products import ProxyAsset, ProxyRequest

PATHS = ("job", "result")
"""Placeholders for paths that we choose, which may stand anywhere."""

WORDS = ("name", "prompt")
"""Placeholders for words of the user or of the capture's author: nothing may read them as a command."""

PLACEHOLDERS = (*PATHS, "seed", *WORDS)

INTERPRETER = re.compile(r"(ba|z|k|da|a|c|tc|fi)?sh|busybox|python|perl|ruby|node")
"""Programs that take a script as an argument; versions may follow their names."""

SCRIPT_OPTION = re.compile(r"-[A-Za-z]*[ceE][A-Za-z]*|--command|--eval")
"""Options of theirs that a script follows."""

MOST_SCRIPT_BYTES = 1 << 20
"""Files of up to this size that the command names count as part of its settings."""

SHOWN_CHARACTERS = 80
"""Characters of a line that the program prints that are shown as progress."""

OPTION = "--pipeline.model.generator.command"
GIVE_TO_SCRIPT = (
    """Give it a script that takes them as arguments: bash -c 'python run.py "$1" "$2"' run {name} {job}."""
)
EXAMPLE = f'For example: {OPTION}.template "conda run -n trellis python run.py {{job}} {{result}}".'


@dataclass
class CommandConfig:
    """A program that is run for every object."""

    template: str = ""
    """The command, with `{job}` for the job folder and `{result}` for the file to be written; `{name}`,
    `{prompt}` and `{seed}` may be arguments of their own. It is run without a shell, where `ns-train` was started."""
    result: Literal["glb", "gltf", "obj", "ply"] = "glb"
    """The kind of file that `{result}` stands for; a result of another kind is found as well."""
    time_limit_s: float = 1800.0
    """Time limit for one object, in seconds."""
    keep_jobs: Path | None = None
    """The folder in which job folders are kept, one per object, with their logs; None removes them."""

    def __post_init__(self) -> None:
        if not self.time_limit_s > 0:
            raise ValueError(f"generator.command.time_limit_s is {self.time_limit_s}; it must be more than 0.")

    def build(self) -> CommandGenerator:
        """The generator; an error if the template is no command, or its program is not installed."""
        return CommandGenerator(self, _parse(self.template))


class CommandGenerator:
    """Runs the program and reads its result."""

    def __init__(self, config: CommandConfig, arguments: Sequence[str]) -> None:
        self._config = config
        self._arguments = tuple(arguments)

    def fingerprint(self, request: ProxyRequest) -> str:
        """The command, digests of the scripts it names, and the request's digest."""
        scripts = [_script_digest(argument) for argument in self._arguments[1:]]
        return "\n".join(["command", *self._arguments, *filter(None, scripts), request_digest(request)])

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The program's reply; an error with the end of its log if there is none."""
        work.check(request.name)
        with ended_in_order(), self._job_folder(request.name) as folder:
            work.report(None, "writing the job")
            write_job(folder, request)
            last_lines = self._run(folder, request, work)
            if not has_result(folder):
                raise self._failure(request.name, folder, "ended without a result", last_lines)
            work.report(None, "reading the result")
            return read_result(folder, request.name, made_by=f"command: {Path(self._arguments[0]).name}")

    def _run(self, folder: Path, request: ProxyRequest, work: Work) -> list[str]:
        """The last lines of a program that ended well."""
        values = {
            "job": str(folder),
            "result": str(folder / f"result.{self._config.result}"),
            "seed": str(request.seed),
            "name": _argument(request.name),
            "prompt": _argument(request.prompt),
        }
        arguments = [argument.format_map(values) for argument in self._arguments]
        log_path, limit_s = folder / "log.txt", self._config.time_limit_s
        try:
            outcome = run_program(
                arguments,
                log_path,
                limit_s,
                work.cancelled,
                lambda line: work.report(None, one_line(line, SHOWN_CHARACTERS)),
            )
        except OSError as error:
            raise GenerationError(
                f"The command for '{request.name}' cannot be run: {error.strerror or error}.",
                "It has to be a program that can be run when its turn comes.",
                f"Check {OPTION}.template.",
            ) from error
        work.check(request.name)
        if outcome.code is None:
            raise self._failure(request.name, folder, f"was stopped after {limit_s:g} seconds", outcome.last_lines)
        if outcome.code:
            how = f"ended with exit code {outcome.code}" if outcome.code > 0 else f"was ended by signal {-outcome.code}"
            raise self._failure(request.name, folder, how, outcome.last_lines)
        return outcome.last_lines

    def _failure(self, name: str, folder: Path, how: str, last_lines: Sequence[str]) -> GenerationError:
        said = "; ".join(f"{line.strip()[:200]!r}" for line in last_lines)
        log = f"Read {folder / 'log.txt'}" if self._config.keep_jobs else f"Keep its log with {OPTION}.keep-jobs FOLDER"
        return GenerationError(
            f"The command for '{name}' {how}; {f'its last lines are {said}' if said else 'it printed nothing'}.",
            f"It has to leave a result in the job's folder, and end with exit code 0 "
            f"within {self._config.time_limit_s:g} seconds ({OPTION}.time-limit-s).",
            f"{log}, and run it on that folder by hand.",
        )

    @contextmanager
    def _job_folder(self, name: str) -> Iterator[Path]:
        """An empty folder for the job."""
        kept = self._config.keep_jobs
        if kept is None:
            with tempfile.TemporaryDirectory(prefix="scorp-", ignore_cleanup_errors=True) as folder:
                yield Path(folder).resolve()
            return
        folder = kept.expanduser().resolve() / job_name(name)
        shutil.rmtree(folder, ignore_errors=True)
        yield folder


def _parse(template: str) -> list[str]:
    """The arguments of the command, still with placeholders; an error if it cannot be run."""
    try:
        arguments = shlex.split(template)
        fields = [_placeholders(argument) for argument in arguments]
    except ValueError as error:
        raise _unusable(f"The command template {template!r} cannot be read: {error}.") from error
    if not arguments:
        raise _unusable("The generator 'command' has no command.")
    used = set().union(*fields)
    unknown = sorted(used - set(PLACEHOLDERS))
    if unknown:
        raise _unusable(f"The command template has the unknown placeholder {{{unknown[0]}}}.")
    if not used & set(PATHS):
        raise _unusable("The command template has neither {job} nor {result}, so the program cannot find its job.")
    for index, (argument, names) in enumerate(zip(arguments, fields, strict=True)):
        _check_words(argument, names)
        if names & set(WORDS) and _is_before_script(arguments[:index]):
            raise _unusable(
                f"The command template gives {argument} to {arguments[index - 1]!r} as a script, "
                "which would run what a name says.",
                GIVE_TO_SCRIPT,
            )
    _check_program(arguments[0])
    return arguments


def _placeholders(argument: str) -> set[str]:
    """The names in braces; a ValueError if the braces do not match."""
    names = set()
    for _, name, form, conversion in Formatter().parse(argument):
        if name is not None:
            names.add(name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else ""))
    return names


def _check_words(argument: str, names: set[str]) -> None:
    """Raise an error unless people's words stay arguments of their own, which no inner shell reads as a script."""
    for name in names & set(WORDS):
        before = argument.partition(f"{{{name}}}")[0]
        is_whole = argument == f"{{{name}}}"
        is_option = argument.endswith(f"={{{name}}}") and before.startswith("-") and len(before.split()) == 1
        if not (is_whole or is_option) or len(names) > 1:
            raise _unusable(
                f"The command template has {{{name}}} inside the argument {argument!r}, "
                "where a shell might run what a name says."
            )


def _is_before_script(arguments: Sequence[str]) -> bool:
    """True if these arguments call an interpreter that takes the next one for a script."""
    options = list(takewhile(lambda argument: argument.startswith(("-", "+")), reversed(arguments)))
    names = [re.sub(r"[\d.]*(\.exe)?$", "", Path(argument).name) for argument in arguments]
    return any(map(SCRIPT_OPTION.fullmatch, options)) and any(map(INTERPRETER.fullmatch, names))


def _check_program(program: str) -> None:
    if shutil.which(program) is None:
        raise UnsupportedError(
            f"The program '{program}' of the command template is not installed, or may not be run.",
            "A program that can be found in PATH, or a path to one, is needed.",
            "Install it, or write its whole path.",
        )


def _unusable(found: str, do: str = EXAMPLE) -> GenerationError:
    names = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return GenerationError(
        found,
        f"A command with {{job}} or {{result}} is needed; placeholders are {names}, and {{{{ and }}}} are braces; "
        "{name} and {prompt} stand alone, or after '--option='.",
        do,
    )


def _argument(words: str) -> str:
    """Words as an argument that every operating system takes."""
    return words.replace("\0", " ").encode("utf-8", "replace").decode()


def _script_digest(argument: str) -> str | None:
    """The digest of a file that the command names; None if it names none, or a large one."""
    try:
        path = Path(argument)
        if not path.is_file() or path.stat().st_size > MOST_SCRIPT_BYTES:
            return None
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
