"""`evenkeel …`, and `python -m service …`, which does the same.

The commands are not imported above: a process for jobs reads this file too, and needs none of them.
"""


def main() -> None:
    from service.cli import app

    app(prog_name="evenkeel")


if __name__ == "__main__":
    main()
