"""A download arrives whole or not at all, says nothing, and its failure says the way out."""

import sys
import urllib.error
from pathlib import Path

import pytest

from repprobe.data import load_data
from repprobe.data.names import cache_folder
from repprobe.errors import DataError

from .builders import write_mnist

mnist = pytest.importorskip("torchvision.datasets.mnist")


@pytest.fixture
def server(monkeypatch):
    """torchvision's download, answered from here; `server.fail` is raised instead if set."""

    class Server:
        fail: BaseException | None = None
        fetched = 0

        def __call__(self, url, download_root, filename, md5):
            print("Downloading", url)
            print("50 %", file=sys.stderr)
            self.fetched += 1
            if self.fail is not None and self.fetched > 2:
                raise self.fail
            write_mnist(Path(download_root))

    answer = Server()
    monkeypatch.setattr(mnist, "download_and_extract_archive", answer)
    return answer


def test_a_download_is_kept_in_the_cache(server, capsys):
    data = load_data("mnist")
    assert (len(data.train), data.classes) == (30, tuple("0123456789"))
    fetched = server.fetched
    assert load_data("mnist").fingerprint == data.fingerprint
    assert server.fetched == fetched
    assert [f.name for f in cache_folder("mnist").parent.iterdir()] == ["mnist"]
    assert capsys.readouterr() == ("", "")


def test_a_failed_download_says_where_to_put_the_files(server):
    server.fail = urllib.error.URLError("no route to host")
    with pytest.raises(DataError, match=r"could not download mnist .*no route to host") as caught:
        load_data("mnist")
    assert "into the folder mnist under $REPPROBE_DATA" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(cache_folder("mnist").parent.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(server):
    server.fail = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        load_data("mnist")
    assert list(cache_folder("mnist").parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write to '.*/file/repprobe/data'"):
        load_data("mnist")


def test_nothing_is_fetched_unless_allowed(server):
    with pytest.raises(DataError, match=r"mnist is not on this machine\. Put its files"):
        load_data("mnist", download=False)
    assert server.fetched == 0


def test_debians_package_is_mentioned(monkeypatch):
    from repprobe.data.download import advice

    assert "install the Debian package dataset-fashion-mnist" in advice("fashion-mnist")
    assert "Debian" not in advice("mnist")
