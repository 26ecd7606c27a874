"""Images a second of ONNX Runtime's inference on the CPU: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install onnxruntime onnx onnxscript torch numpy
    RESNET_PYTHON=V/bin/python cargo xtask bench infer --against onnxruntime    # alternating with ours
    V/bin/python xtask/peers/onnxruntime_bench.py infer [--model resnet20-v2] [--batch 128] [--threads 2] [--turns 5]

A step is one batch of random images, float32. The network is what PyTorch exports (onnx_file.py). Options are ONNX
Runtime's defaults, all its optimizations and spinning threads included. turns.py says what is printed.
"""

import onnx_file
import turns


def main():
    args = onnx_file.arguments(__doc__, ["onnxruntime"])
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.log_severity_level = 3  # errors

    def session(path):
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    network, images = onnx_file.opened(args, session), onnx_file.images(args)
    turns.measure("onnxruntime", onnxruntime.__version__, lambda: network.run(None, {"images": images}), args)


if __name__ == "__main__":
    main()
