"""Programs as generators: what they are told, what is read of them, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from threading import Event

import pytest

from scorp_ns.errors import CancelledError, GenerationError, UnsupportedError
from scorp_ns.generate.contract import check_generator
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.external import processes
from scorp_ns.generate.external.command import CommandConfig
from scorp_ns.generate.external.watchdog import ended_in_order
from scorp_ns.generate.generator import Work
from scorp_ns.products import ProxyAsset
from scorp_ns.surfaces.mesh import ColoredMesh

TRIANGLE = """
ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 1
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
1 0 0 0 255 0
0 1 0 0 0 255
3 0 1 2
""".lstrip()

Program = Callable[..., CommandConfig]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A function that makes a generator of lines of Python, with `job` and `result` as paths."""

    def make(lines: str, arguments: str = "", **settings: object) -> CommandConfig:
        script = tmp_path / "program.py"
        start = "import os, pathlib, signal, subprocess, sys, time\njob, result = map(pathlib.Path, sys.argv[1:3])\n"
        script.write_text(f"{start}TRIANGLE = {TRIANGLE!r}\n{dedent(lines)}")
        words = shlex.join([sys.executable, "-u", str(script)])
        settings = {"result": "ply", "keep_jobs": tmp_path / "jobs", **settings}
        return CommandConfig(f"{words} {{job}} {{result}} {arguments}", **settings)  # type: ignore[arg-type]

    return make


def answer(config: CommandConfig, name: str = "ball", work: Work | None = None) -> ProxyAsset:
    return config.build().generate(example_request(name), work or Work())


def is_alive(pid: int) -> bool:
    """Whether a process runs: not gone, and no zombie."""
    try:
        os.kill(pid, 0)
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except ProcessLookupError:
        return False
    return not state.stdout.strip().startswith("Z") and bool(state.stdout.strip())


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pids_in(path: Path) -> list[int]:
    """The numbers in a file, once two of them stand there."""
    wait_for(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(word) for word in path.read_text().split()]


FAMILY = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(job.parent / "pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""
"""A program that does not want to end, with a child."""


def test_a_program_holds_to_the_contract(program: Program):
    asset = check_generator(program("result.write_text(TRIANGLE)"), example_request())
    assert isinstance(asset.shape, ColoredMesh) and len(asset.shape.faces) == 1
    assert asset.made_by == f"command: {Path(sys.executable).name}"


def test_a_program_may_say_more_of_its_result(program: Program):
    lines = """
    (job / "mine.ply").write_text(TRIANGLE)
    (job / "result.json").write_text('''{"file": "mine.ply", "model": "Shapes 2", "license": "MIT", "up": [0, 2, 0],
        "seed": 7, "asset_to_capture": [[0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]}''')
    """
    asset = answer(program(lines))
    assert (asset.made_by, asset.license, asset.up, asset.evidence) == ("Shapes 2", "MIT", (0, 1, 0), {"seed": "7"})
    pose = asset.T_capture_asset
    assert pose is not None and pose.scale == pytest.approx(2) and pose.translation.tolist() == [1, 2, 3]


def test_words_arrive_as_they_are_and_nothing_runs_them(program: Program, tmp_path: Path):
    name = f"""a "mug" 'of' $(touch {tmp_path}/harm) `touch {tmp_path}/harm`; ../{{job}} ☕\n--help"""
    config = program("(job / 'heard').write_text(repr(sys.argv[3:]));result.write_text(TRIANGLE)", "{name} -p={prompt}")
    answer(config, name)
    (folder,) = (tmp_path / "jobs").iterdir()
    assert eval((folder / "heard").read_text()) == [name, f"-p=a coloured {name}"]
    assert json.loads((folder / "job.json").read_text())["name"] == name
    assert not (tmp_path / "harm").exists()


def test_names_that_are_no_text_arrive_as_far_as_they_can(program: Program):
    config = program("result.write_text(TRIANGLE)", "{name}")
    assert isinstance(answer(config, "mug\0 \ud800").shape, ColoredMesh)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "echo",
        "echo {jobs}",
        "echo {job!r}",
        "echo {0} {job}",
        "echo {job",
        'echo "{job}',
        "bash -c 'make {name}' {job}",
        "bash -c 'make --name={name}' {job}",
        "bash -c {name} {job}",
        "/bin/sh -ec -- {prompt} {job}",
        "env A=1 python3.11 -c {name} {job}",
        "echo {name}{job}",
        "echo x={name} {job}",
    ],
)
def test_templates_that_cannot_work_are_refused_when_built(template: str):
    with pytest.raises(GenerationError):
        CommandConfig(template).build()


@pytest.mark.parametrize(
    "template", ["bash -c 'make $1' run {name} {job}", "echo -c {name} {job}", "bash run.sh --name {name} {job}"]
)
def test_templates_in_which_words_stay_words_are_taken(template: str):
    CommandConfig(template).build()


def test_a_program_that_is_not_there_is_told_of_when_built():
    with pytest.raises(UnsupportedError, match="'no-such-program'"):
        CommandConfig("no-such-program {job}").build()


def test_braces_of_others_can_be_written(program: Program):
    lines = "assert sys.argv[3] == '{\"a\": 1}'; result.write_text(TRIANGLE)"
    answer(program(lines, """'{{"a": 1}}'"""))


def test_a_program_that_takes_too_long_is_ended_with_its_children(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    with pytest.raises(GenerationError, match="was stopped after 1 seconds"):
        answer(program(FAMILY, time_limit_s=1.0))
    wait_for(lambda: not any(map(is_alive, pids_in(tmp_path / "jobs" / "pids"))))


def test_cancelling_ends_a_program_with_its_children(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    cancelled = Event()
    pids: list[int] = []

    def cancel() -> None:
        pids.extend(pids_in(tmp_path / "jobs" / "pids"))
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CancelledError):
        answer(program(FAMILY), work=Work(cancelled=cancelled))
    thread.join()
    assert pids
    # On a busy machine it takes a moment until a killed process is gone.
    wait_for(lambda: not any(map(is_alive, pids)))


@pytest.fixture
def run_of_ours(program: Program, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process of ours in which the program that does not want to end is at work, and the numbers of its family."""
    config = program(FAMILY, keep_jobs=None)
    lines = f"""
    from scorp_ns.generate.external import processes
    from scorp_ns.generate.external.command import CommandConfig
    from scorp_ns.generate.example_request import example_request
    from scorp_ns.generate.generator import Work
    processes.GRACE_S = 0.2
    try:
        CommandConfig({config.template!r}).build().generate(example_request(), Work())
    except (Exception, SystemExit):
        raise AssertionError("the end was taken for an error")
    """
    (tmp_path / "temporary").mkdir()
    ours = subprocess.Popen(
        [sys.executable, "-c", dedent(lines)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        # Shells let what they start in the background ignore Ctrl-C, and whoever it starts inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: list(tmp_path.glob("temporary/pids")), 60)
    try:
        yield ours, pids_in(tmp_path / "temporary" / "pids")
    finally:
        ours.kill()
        ours.communicate()


def test_ctrl_c_ends_a_program_with_its_children(run_of_ours: tuple[subprocess.Popen[str], list[int]]):
    ours, pids = run_of_ours
    ours.send_signal(signal.SIGINT)
    _, said = ours.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert not any(map(is_alive, pids))


def test_a_signal_that_ends_us_ends_a_program_with_its_children_first(
    run_of_ours: tuple[subprocess.Popen[str], list[int]], tmp_path: Path
):
    ours, pids = run_of_ours
    ours.send_signal(signal.SIGTERM)
    _, said = ours.communicate(timeout=20)
    assert (ours.returncode, said) == (-signal.SIGTERM, "")
    assert not any(map(is_alive, pids))
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["pids"]


def test_a_program_ends_with_its_children_when_we_are_killed(run_of_ours: tuple[subprocess.Popen[str], list[int]]):
    ours, pids = run_of_ours
    ours.kill()
    wait_for(lambda: not any(map(is_alive, pids)))


def test_handlers_of_signals_are_as_before_and_those_of_others_stay():
    def theirs(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGHUP, theirs)
    try:
        with ended_in_order():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is theirs
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is theirs
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_program_leaves_behind_ends_with_it(program: Program, tmp_path: Path):
    lines = """
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (job.parent / "pids").write_text(f"{os.getpid()} {child.pid}")
    result.write_text(TRIANGLE)
    """
    start = time.monotonic()
    answer(program(lines))
    assert time.monotonic() - start < 10
    wait_for(lambda: not any(map(is_alive, pids_in(tmp_path / "jobs" / "pids"))))


def test_what_flees_from_its_group_does_not_keep_the_run(program: Program, tmp_path: Path):
    lines = """
    loop = "import time\\nwhile True: print('still here', flush=True); time.sleep(0.01)"
    child = subprocess.Popen([sys.executable, "-c", loop], start_new_session=True)
    (job.parent / "pids").write_text(f"{os.getpid()} {child.pid}")
    result.write_text(TRIANGLE)
    """
    start = time.monotonic()
    answer(program(lines))
    assert time.monotonic() - start < 10
    os.kill(pids_in(tmp_path / "jobs" / "pids")[1], signal.SIGKILL)


def test_endless_output_is_kept_in_bounds(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "MOST_LOG_BYTES", 5000)
    lines = "print('first');print('x' * 300_000);print('step\\rstep 2');print('last', file=sys.stderr);sys.exit(3)"
    with pytest.raises(GenerationError, match=r"ended with exit code 3; .*'step 2'; 'last'\.") as caught:
        answer(program(lines))
    (log,) = (tmp_path / "jobs").glob("*/log.txt")
    assert str(log) in caught.value.do
    kept = log.read_bytes()
    assert kept.startswith(b"first") and b"bytes left out" in kept and kept.endswith(b"last\n")
    assert len(kept) < 5000 + processes.TAIL_BYTES + 100


def test_what_a_program_prints_is_its_progress(program: Program):
    heard: list[str] = []
    work = Work(report=lambda share, text: heard.append(text))
    answer(program("print('\\x1b[1msampling\\t3/12', flush=True);result.write_text(TRIANGLE)"), work=work)
    assert "[1msampling 3/12" in heard


def test_jobs_that_are_not_kept_leave_nothing(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    answer(program("result.write_text(TRIANGLE)", keep_jobs=None))
    assert not list((tmp_path / "temporary").iterdir())


def test_a_job_that_is_kept_begins_anew(program: Program, tmp_path: Path):
    answer(program("result.write_text(TRIANGLE)"))
    with pytest.raises(GenerationError, match="ended without a result"):
        answer(program(""))
    assert len(list((tmp_path / "jobs").iterdir())) == 1


def test_the_fingerprint_changes_with_what_decides_the_reply(program: Program):
    request = example_request()
    config = program("result.write_text(TRIANGLE)")
    first = config.build().fingerprint(request)
    assert config.build().fingerprint(request) == first
    assert config.build().fingerprint(replace(request, seed=2)) != first
    assert program("pass").build().fingerprint(request) != first
    assert program("result.write_text(TRIANGLE)", "-v").build().fingerprint(request) != first
