"""What the tests of published families share: another definition's weights, put in and compared."""

import torch
from torch import nn

from repprobe import zoo


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every weight and every running average a value of its own; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.ndim > 1:
            fan_in = tensor[0].numel()
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * (2 / fan_in) ** 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.4 + 0.6)
    return network.eval()


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the keys and shapes of a network, in their order."""
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def recognized(name: str, published: nn.Module) -> nn.Module:
    """Build the zoo's network from the guess for a published one, with that one's weights."""
    guess = zoo.guess_arguments(name, shapes_of(published))
    assert guess is not None
    network = zoo.build(name, **guess)
    assert shapes_of(network) == shapes_of(published)
    network.load_state_dict(published.state_dict())
    return network.eval()


def assert_the_same(name: str, published: nn.Module, *shape: int) -> None:
    """Check that the zoo's network has a published one's keys and puts out the same."""
    drawn(published)
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs, ours = published(x), recognized(name, published)(x)
    assert theirs.std() > 0
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
