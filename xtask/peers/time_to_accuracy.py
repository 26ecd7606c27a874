"""Seconds of training until a test accuracy was reached, of runs here and of pytorch_train_cifar.py's.

    cargo xtask train --recipe R --set train.evaluate_test=each-epoch --out RUN
    python xtask/peers/pytorch_train_cifar.py --recipe R.toml --data DIR --json > RUN.json
    python xtask/peers/time_to_accuracy.py --goals 70,80,85 RUN... RUN.json...

A row each: the seconds at the end of the first epoch that reached each goal, then the last epoch's accuracy, training
loss and seconds. Evaluation is not counted.
"""

import argparse
import json
import pathlib
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    parser.add_argument("--goals", default="70,80,85", help="test accuracies in percent")
    return parser.parse_args()


def of_run(folder):
    """(seconds, loss, accuracy) at the end of each epoch."""
    epochs, seconds, images = [], 0.0, 0
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        metric = json.loads(line)
        if metric["event"] == "epoch":
            seconds += (metric["images"] - images) / metric["images_per_second"]
            images = metric["images"]
            test = metric.get("test") or sys.exit(f"{folder}: train with --set train.evaluate_test=each-epoch")
            epochs.append((seconds, metric["train_loss"], 100 * test["top1_correct"] / test["images"]))
    return epochs


def of_pytorch(path):
    return [(epoch["seconds"], epoch["loss"], epoch["top1"]) for epoch in json.loads(path.read_text())["epochs"]]


def main():
    args = arguments()
    goals = [float(goal) for goal in args.goals.split(",")]
    print("| run | " + " | ".join(f"{goal:g} %" for goal in goals) + " | test accuracy | training loss | seconds |")
    print("|---" * (len(goals) + 4) + "|")
    for run in args.runs:
        epochs = of_pytorch(run) if run.suffix == ".json" else of_run(run)
        reached = [next((f"{seconds:.0f} s" for seconds, _, top1 in epochs if top1 >= goal), "never") for goal in goals]
        seconds, loss, top1 = epochs[-1]
        print(f"| {run.stem} | " + " | ".join(reached) + f" | {top1:.2f} % | {loss:.3f} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
