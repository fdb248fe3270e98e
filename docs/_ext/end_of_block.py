"""The call at the end of each block of a page: it saves the figures and marks the end of the output."""

import json
import os
import sys
from pathlib import Path


def end(number: int, name: str) -> None:
    """End block `number` of a program; do nothing in a process that the program spawned."""
    if name != "__main__":
        return
    figures = []
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot as plt

        for figure in map(plt.figure, plt.get_fignums()):
            file = f"{os.environ['END_OF_BLOCK_NAME']}-{number + 1}-{figure.number}.png"
            path = Path(os.environ["END_OF_BLOCK_FOLDER"], file)
            figure.savefig(path, dpi=160, bbox_inches="tight")
            titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
            titles += [axes.get_ylabel() for axes in figure.axes]
            figures.append((file, next(filter(None, titles), "figure made by the code above")))
        plt.close("all")
    print(f"\x1e{json.dumps(figures)}\x1e", flush=True)
