"""The C program of limit.c in a runner's place, so that it is timed, checked and interleaved like the others.

Not here: the measuring, which the C program does itself. Its argument is how many messages an ack frame covers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.job import Job
from bench.order import BODY_BYTES


def command(job: Job, acks_per_frame: str) -> list[str]:
    """Return the C program's arguments for a job."""
    messages = str(job.messages)
    match job.mode:
        case "publish":
            return ["publish", job.url, job.queue, messages, str(BODY_BYTES), str(job.in_flight)]
        case "roundtrip":
            return ["roundtrip", job.url, job.queue, messages, str(BODY_BYTES)]
        case "drain":
            return ["consume", job.url, job.queue, messages, str(job.prefetch), acks_per_frame]
        case _:
            sys.exit(f"limit.c does not {job.mode}")


if __name__ == "__main__":
    received = Job.received()
    done = subprocess.run(
        [os.environ["WARREN_BENCH_LIMIT"], *command(received, sys.argv[1])], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    received.report(warm_up=0, **json.loads(done.stdout))
