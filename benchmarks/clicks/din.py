"""DIN of deepctr-torch in the rivals' environment; only the standard library, numpy, torch and deepctr-torch.

Reads a pickled (codes, past, clicks, logit, batch, seed, rate) from its standard input: `codes` is a dictionary of the
events' features as whole numbers from 1, (n,) each; `past` one of the clicks before each event, the oldest first and
padded with 0, (n, l) each, for those features that belong to the item; `logit`, (n,) or None, goes in as a number.
Events are answered `batch` at a time, then learnt in one step. Writes a pickled dictionary to its output.
"""

import contextlib
import pickle
import sys
import time

DIM = 8


def main():
    """Answer and learn."""
    codes, past, clicks, logit, batch, seed, rate = pickle.load(sys.stdin.buffer)
    with contextlib.redirect_stdout(sys.stderr):
        import numpy as np
        import torch
        from deepctr_torch.inputs import DenseFeat, SparseFeat, VarLenSparseFeat, build_input_features
        from deepctr_torch.models import DIN

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        length = next(iter(past.values())).shape[1]
        columns = [SparseFeat(name, int(code.max()) + 1, DIM) for name, code in codes.items()]
        columns += [
            VarLenSparseFeat(
                SparseFeat(f"hist_{name}", int(codes[name].max()) + 1, DIM, embedding_name=name),
                length,
                "mean",
                "length",
            )
            for name in past
        ]
        parts = {**codes, **{f"hist_{name}": rows for name, rows in past.items()}}
        parts["length"] = (next(iter(past.values())) > 0).sum(axis=1)
        if logit is not None:
            columns.append(DenseFeat("logit", 1))
            parts["logit"] = logit
        model = DIN(
            columns, list(past), dnn_hidden_units=(128, 64), att_weight_normalization=False, device="cpu", seed=seed
        )
        names = list(build_input_features(columns))
        x = torch.from_numpy(
            np.concatenate([np.asarray(parts[name], np.float32).reshape(len(clicks), -1) for name in names], axis=1)
        )
        y = torch.from_numpy(np.asarray(clicks, np.float32))
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        said = np.zeros(len(clicks))
        began = time.process_time()
        for start in range(0, len(clicks), batch):
            here = slice(start, start + batch)
            model.eval()
            with torch.no_grad():
                said[here] = model(x[here])[:, 0].double().numpy()
            model.train()
            optimizer.zero_grad()
            torch.nn.functional.binary_cross_entropy(model(x[here])[:, 0], y[here]).backward()
            optimizer.step()
        seconds = time.process_time() - began
    sys.stdout.buffer.write(pickle.dumps({"said": said.tolist(), "seconds": seconds}))


if __name__ == "__main__":
    main()
