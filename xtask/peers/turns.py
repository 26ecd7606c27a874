"""What the benchmarks of peers share: their options, and measuring alternately, for `cargo xtask bench` or by hand.

With --worker a script is one end of a conversation, a line at a time, JSON on its side:

    it says   {"ready": {"name": "pytorch", "version": "2.15.0"}}     or {"missing": ["torch"]}, and ends with code 3
    it reads  go 1.0                                                  measure steps until they took a second, at least one
    it says   {"seconds": [0.31, ...], "peak_memory_bytes": 400000000}

and so on until its standard input ends. In between it waits for input and uses no CPU. Without --worker it warms up,
measures --turns turns of a second and prints one JSON object.
"""

import argparse
import importlib.util
import json
import resource
import signal
import statistics
import sys
import time

MISSING = 3
TURN_SECONDS = 1.0
WARM_UP_STEPS = 3


def parser(doc, works):
    result = argparse.ArgumentParser(description=doc.splitlines()[0])
    result.add_argument("work", choices=works)
    result.add_argument("--model", default="resnet20-v2")
    result.add_argument("--batch", type=positive, default=128)
    result.add_argument("--threads", type=positive, default=2)
    result.add_argument("--turns", type=positive, default=5, help="turns of a second to measure, by hand")
    result.add_argument("--worker", action="store_true", help="measure when told to on standard input")
    return result


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def require(modules, args):
    """Ends the script where modules are missing, before it imports them."""
    # Ctrl-C ends a script at once and without a traceback; whoever started it has something to say.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return
    if args.worker:
        say({"missing": missing})
    else:
        print(f"{', '.join(missing)} cannot be imported: pip install {' '.join(modules)}", file=sys.stderr)
    sys.exit(MISSING)


def measure(name, version, step, args):
    """Measures `step`, alternating with whoever is at the other end or alone."""
    if args.worker:
        say({"ready": {"name": name, "version": version}})
        for line in sys.stdin:
            word, seconds = line.split()
            if word != "go":
                sys.exit(f"'{line.strip()}' is not 'go SECONDS'")
            say({"seconds": turn(step, float(seconds)), "peak_memory_bytes": peak_memory()})
        return
    for _ in range(WARM_UP_STEPS):
        step()
    turns = [turn(step, TURN_SECONDS) for _ in range(args.turns)]
    rates = [args.batch * len(seconds) / sum(seconds) for seconds in turns]
    options = {key: value for key, value in vars(args).items() if key not in ("worker", "turns", "export")}
    result = {
        "images_per_second": round(statistics.median(rates), 2),
        "slowest": round(min(rates), 2),
        "fastest": round(max(rates), 2),
        "peak_memory_bytes": peak_memory(),
    }
    say({"name": name, "version": version} | options | result)


def turn(step, at_least):
    """The seconds of each step, of as many as take that long together."""
    seconds = []
    while not seconds or sum(seconds) < at_least:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def peak_memory():
    """The peak of this process's resident memory in bytes."""
    try:
        # Linux hands the parent's peak down in ru_maxrss, so the status file is the one to ask.
        with open("/proc/self/status") as status:
            return 1024 * int(status.read().split("VmHWM:")[1].split()[0])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def say(message):
    print(json.dumps(message), flush=True)
