"""The entry point: quick help, no heavy imports, and a clean end after Ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import repprobe

COMMAND = [sys.executable, "-c", "from repprobe.cli.main import run; run()"]


def test_help_names_the_commands(repprobe):
    result = repprobe("--help")
    assert result.status == 0
    assert "layers" in result.out
    assert "demo" in result.out


def test_the_version(repprobe):
    assert repprobe("--version").out.startswith("repprobe 0.")


def test_an_unknown_command_is_one_line(repprobe):
    result = repprobe("layer")
    assert result.status == 2
    assert len(result.err.splitlines()) == 1


def test_heavy_libraries_wait_until_work_starts():
    code = (
        "import sys, repprobe.cli.app; "
        "print([m for m in ('torch', 'numpy', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_can_all_be_had():
    assert all(getattr(repprobe, name) for name in repprobe.__all__)


def test_help_fills_its_lines_and_shows_no_types_of_numbers(repprobe, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    for command, phrase in [
        ("layers", "writes the scores, a heatmap"),
        ("train", "everything needed to go on, and a picture of the curves. The same command"),
        ("demo", "linear head fitted on 300"),
    ]:
        result = repprobe(command, "--help")
        assert phrase in result.out
        assert "range" not in result.out
        assert "<float>" not in result.out


def test_ctrl_c_while_the_commands_are_imported_is_one_line():
    code = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from repprobe.cli.main import run\n"
        "run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "repprobe: interrupted\n"


def test_ctrl_c_leaves_no_half_written_run(digits_checkpoint, tmp_path):
    command = [*COMMAND, "layers", str(digits_checkpoint), "-d", "digits"]
    process = subprocess.Popen(
        [*command, "--seeds", "50", "--clean", "1000", "--out", "runs/mine"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    runs = tmp_path / "runs"
    patience = time.monotonic() + 300  # other work on the machine may make it slow to start
    while not runs.exists() and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "interrupted" in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_gone_is_no_bug(digits_checkpoint, tmp_path):
    command = [*COMMAND, "layers", str(digits_checkpoint), "-d", "digits", "--list"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""


def test_ctrl_c_keeps_the_models_that_were_finished(digits_checkpoint, tmp_path, monkeypatch):
    import pytest

    from repprobe import read_run
    from repprobe.pipeline import measure

    calls = []
    probe = measure.probe_layers

    def interrupted(*args, **kwargs):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return probe(*args, **kwargs)

    monkeypatch.setattr(measure, "probe_layers", interrupted)
    with pytest.raises(KeyboardInterrupt, match="1 of 2 models were finished"):
        repprobe.layers(
            [digits_checkpoint, digits_checkpoint],
            "digits",
            out=tmp_path / "run",
            clean=50,
            layers=("linear",),
        )
    run = read_run(tmp_path / "run")
    assert run.scores.models == ["digits"]
    assert run.info["interrupted"] is True
