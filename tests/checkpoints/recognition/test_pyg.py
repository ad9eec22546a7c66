"""torch-geometric's networks are built by name, and found by the names and shapes of weights."""

import pytest
import torch
from torch_geometric.nn import models

from repprobe.checkpoints import load_model
from repprobe.checkpoints.architectures import argument_names, build, build_fresh
from repprobe.checkpoints.blueprint import shapes_of
from repprobe.checkpoints.recognition.identify import identify
from repprobe.errors import CheckpointError, UnknownNameError, UsageError

SIZES = {"in_channels": 5, "hidden_channels": 8, "num_layers": 3, "out_channels": 3}
CASES = [
    *(
        (name, {**SIZES, **more})
        for name in ("GCN", "GraphSAGE", "GIN", "GAT")
        for more in (
            {},
            {"norm": "batch_norm"},
            {"norm": "graph_norm", "jk": "cat"},
            {"norm": "layer_norm", "jk": "lstm"},
            {"num_layers": 2},
            {"num_layers": 1, "hidden_channels": 3},
            {"out_channels": 8},
        )
    ),
    ("GAT", {**SIZES, "heads": 4}),
    ("GAT", {**SIZES, "heads": 2, "v2": True, "jk": "cat"}),
    ("GAT", {**SIZES, "heads": 2, "concat": False}),
    ("GAT", {**SIZES, "heads": 2, "residual": True, "edge_dim": 6}),
    ("GCN", {**SIZES, "bias": False}),
    ("GraphSAGE", {**SIZES, "project": True}),
    ("GraphSAGE", {**SIZES, "root_weight": False, "bias": False}),
]


def network(name, arguments):
    torch.manual_seed(0)
    return getattr(models, name)(**arguments)


def effective(name, arguments):
    """Leave out what has no effect: that a single round's heads are strung together."""
    heads = {"heads": 1} if name == "GAT" and "heads" not in arguments else {}
    return {**heads, **arguments}


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_arguments_are_read_off_the_shapes(name, arguments):
    shapes = shapes_of(network(name, arguments).state_dict())
    module, found = build(f"pyg:{name}", {}, shapes)
    assert found == effective(name, arguments)
    assert shapes_of(module.state_dict()) == shapes


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_bare_state_dict_is_found(name, arguments, tmp_path):
    net = network(name, arguments).eval()
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "net.pt"
    )
    model = load_model(tmp_path / "net.pt")
    assert (model.architecture, model.arguments) == (f"pyg:{name}", effective(name, arguments))
    assert any("does not tell the activations and the aggregation" in n for n in model.notes)
    x, edges = torch.randn(6, 5), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 5]])
    with torch.no_grad():
        torch.testing.assert_close(model.module(x, edges), net(x, edges))


@pytest.mark.parametrize("jk", ["max", "last"])
def test_kinds_of_jumping_knowledge_that_look_alike_are_both_named(jk, tmp_path, one_line):
    net = network("GIN", {**SIZES, "jk": jk})
    shapes = shapes_of(net.state_dict())
    found = identify(shapes, "a.pt")
    assert [c.architecture + c.detail for c in found] == [
        "pyg:GIN with jk=last",
        "pyg:GIN with jk=max",
    ]
    with pytest.raises(CheckpointError) as caught:
        build("pyg:GIN", {}, shapes)
    one_line(caught, "fits pyg:GIN with jk=last or jk=max", "--arch-arg")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    model = load_model(tmp_path / "net.pt", arch="pyg:GIN", arch_args={"jk": jk})
    assert model.arguments == {**SIZES, "jk": jk}
    assert model.notes == ()


def test_given_arguments_win():
    shapes = shapes_of(network("GCN", SIZES).state_dict())
    module, found = build("pyg:GCN", {"act": "tanh", "out_channels": 4}, shapes)
    assert found == {**SIZES, "act": "tanh", "out_channels": 4}
    assert isinstance(module.act, torch.nn.Tanh)


def test_a_name_that_does_not_exist_has_near_matches(one_line):
    with pytest.raises(UnknownNameError) as caught:
        build("pyg:GraphSage2", {}, {})
    one_line(caught, "did you mean GraphSAGE", "There are GAT, GCN, GIN, GraphSAGE")
    with pytest.raises(UsageError, match="did you mean pyg:GCN"):
        build("GCN", {}, {})


def test_a_file_of_another_kind_is_said_with_its_keys(one_line):
    with pytest.raises(CheckpointError) as caught:
        build("pyg:GIN", {}, shapes_of(network("GCN", SIZES).state_dict()))
    one_line(caught, "does not fit pyg:GIN", "convs.0.bias")


def test_an_argument_it_does_not_take_is_named(one_line):
    with pytest.raises(CheckpointError) as caught:
        build("pyg:GCN", {"depth": 3, **SIZES}, {})
    one_line(caught, "pyg:GCN", "depth")


def test_a_network_is_built_afresh_for_training():
    assert argument_names("pyg:GAT") == {"in_channels", "out_channels"}
    net = build_fresh("pyg:GAT", {**SIZES, "heads": 2})
    assert net.convs[0].lin.weight.std() > 0


def test_other_networks_of_rounds_are_not_taken_for_them(one_line):
    shapes = dict(shapes_of(network("GCN", SIZES).state_dict())) | {"readout.weight": (3, 3)}
    with pytest.raises(CheckpointError) as caught:
        identify(shapes, "a.pt")
    one_line(caught, "pyg:GCN (85 % in common)")
