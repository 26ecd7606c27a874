"""Prints what TensorBoard's own reader finds in a folder of event files: {tag: [[step, wall time, value], ...]}."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# 0 keeps all; by default the reader keeps a sample.
reader = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0})
reader.Reload()
assert not reader.Tags()["tensors"], "scalars are written as plain values"
print(json.dumps({
    tag: [[event.step, event.wall_time, event.value] for event in reader.Scalars(tag)]
    for tag in reader.Tags()["scalars"]
}))
