"""`python -m service` does what `evenkeel` does."""

from service.cli import app

if __name__ == "__main__":
    app(prog_name="evenkeel")
