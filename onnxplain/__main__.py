"""The command line, as `python -m onnxplain`."""

from onnxplain.cli import main

if __name__ == "__main__":
    main(prog_name="onnxplain")
