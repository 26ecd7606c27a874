"""Images a second of OpenVINO's inference on the CPU: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install openvino onnx onnxscript torch numpy
    RESNET_PYTHON=V/bin/python cargo xtask bench infer --against openvino       # alternating with ours
    V/bin/python xtask/peers/openvino_bench.py infer [--model resnet20-v2] [--batch 128] [--threads 2] [--turns 5]

A step is one batch of random images. The network is what PyTorch exports (onnx_file.py). The precision is float32, which
OpenVINO would lower where the CPU has instructions for less. turns.py says what is printed.
"""

import onnx_file
import turns


def main():
    args = onnx_file.arguments(__doc__, ["openvino"])
    import openvino

    core = openvino.Core()
    config = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": args.threads,
        # One batch at a time is what is measured: its threads share it.
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    network = onnx_file.opened(args, lambda path: core.compile_model(read(core, path), "CPU", config))
    request, images = network.create_infer_request(), onnx_file.images(args)
    version = openvino.__version__.split("-")[0]
    turns.measure("openvino", version, lambda: request.infer([images], share_inputs=True), args)


def read(core, path):
    with open(path, "rb") as file:
        return core.read_model(file.read())


if __name__ == "__main__":
    main()
