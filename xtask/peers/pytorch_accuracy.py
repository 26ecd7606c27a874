"""How far each pass of the 3x3 layers is from float64 in PyTorch: what crates/kernels/examples/accuracy.rs is read beside.

    python -m venv V && V/bin/pip install torch numpy
    V/bin/python xtask/peers/pytorch_accuracy.py

Inputs and gradients are normal, weights have He's scale. Prints, for both layouts, the largest error over the root mean square
of output, input gradient and weight gradient.
"""

from networks import torch_or_exit

torch = torch_or_exit()


def passes(x, weight, dy):
    x, weight = x.detach().requires_grad_(), weight.detach().requires_grad_()
    y = torch.nn.functional.conv2d(x, weight, padding=1)
    return [y.detach(), *torch.autograd.grad(y, (x, weight), dy)]


def error(ours, exact):
    return ((ours.double() - exact).abs().max() / exact.square().mean().sqrt()).item()


def main():
    torch.manual_seed(0)
    for images, size, channels in [(128, 32, 16), (128, 16, 32), (128, 8, 64), (16, 56, 64), (16, 14, 256)]:
        weight = torch.randn(channels, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        x, dy = torch.randn(2, images, channels, size, size)
        exact = passes(x.double(), weight.double(), dy.double())
        for name, layout in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
            found = passes(*(tensor.to(memory_format=layout) for tensor in (x, weight, dy)))
            errors = " ".join(f"{error(f, e):.1e}" for f, e in zip(found, exact))
            print(f"{channels:>3} channels, {images} x {size}x{size}, {name}: {errors}")


if __name__ == "__main__":
    main()
