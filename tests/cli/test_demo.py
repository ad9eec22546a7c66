"""`repprobe demo` makes noisy models and shows what a new head wins back."""

from repprobe.runs import read_run


def test_the_demo_tells_the_story(repprobe, tmp_path, monkeypatch):
    from repprobe.cli import demo

    monkeypatch.setattr(demo, "EPOCHS", 4)
    monkeypatch.setattr(demo, "CLEAN", 100)
    result = repprobe("demo", "--out", "story")
    assert result.status == 0, result.err
    run = read_run(tmp_path / "story" / "layers")
    assert run.scores.models == ["noise-0", "noise-40", "noise-80"]
    assert "new linear head" in result.out
    assert "80 % uniform noise" in result.out
    own = {r.model: r.value for r in run.scores.summary() if r.layer == "output"}
    assert own["noise-0"] > own["noise-80"]
    again = repprobe(
        *("layers", "story/checkpoints/noise-80.pt", "-d", "digits", "--clean", 50, "-l", "linear")
    )
    assert again.status == 0, again.err
