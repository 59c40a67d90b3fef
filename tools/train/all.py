"""Make everything in models/ again: train and export the models, check them, and write their samples and cards.

Each training script runs in a process of its own, because PyTorch and TensorFlow do not always work in the same one.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cards
import samples
from catalog import ENTRIES
from evaluate import check_twins, correct

HERE = Path(__file__).resolve().parent


def _step(python: str, script: str, *arguments: str) -> None:
    """Run one training script, and show what it printed only if it failed."""
    print(f"running {script}", flush=True)
    command = [python, str(HERE / script), *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{script} failed")


def train(keras_python: str) -> None:
    """Train and export all models, handing the weights of the CNNs from PyTorch to Keras."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("digits_cnn", "xray_cnn"):
            weights = str(Path(folder) / f"{name}.npz")
            _step(sys.executable, f"{name}_torch.py", "--weights", weights)
            _step(keras_python, f"{name}_keras.py", "--weights", weights)
    alone = ("digits_cnn_dynamo.py", "digits_sklearn.py", "wine_mlp_torch.py")
    for script in (*alone, "reviews_transformer_torch.py", "sounds_cnn_torch.py"):
        _step(sys.executable, script)


def report() -> None:
    """Print the held-out accuracy of each exported file."""
    for entry in ENTRIES:
        right, total = correct(entry)
        print(f"{entry.name:24} {right:4} of {total:4} held-out rows right  {right / total:7.2%}")


def main() -> None:
    """Make all files and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--keras-python", default=sys.executable, help="a Python that has TensorFlow, if this one has not"
    )
    train(parser.parse_args().keras_python)
    by_name = {entry.name: entry for entry in ENTRIES}
    for names in (("digits_cnn_torch", "digits_cnn_keras"), ("xray_v1", "xray_v1_keras")):
        difference = check_twins(*(by_name[name] for name in names))
        print(f"{' and '.join(names)} differ by at most {difference:.1e} in a probability")
    samples.write_all()
    cards.write_all()
    report()


if __name__ == "__main__":
    main()
