"""What clusterings score and cost, on points whose groups are known."""

import os

# One thread, so that time is that of one core; libraries read this as they are first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
