"""`evenkeel …`: one file per command."""

import typer

from service.cli import (
    backtest,
    calibrate,
    demo,
    doctor,
    import_,
    key,
    migrate,
    organization,
    provider,
    reassess,
    renew,
    restored,
    rule,
    serve,
    worker,
)
from service.cli.ending import Commands

app = typer.Typer(
    cls=Commands,
    help="Evenkeel measures the alliance in individual, couple and family therapy and says when it is at risk.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("migrate")(migrate.migrate)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("demo")(demo.demo)
app.command("import")(import_.import_csv)
app.add_typer(organization.app, name="organization")
app.add_typer(key.app, name="key")
app.add_typer(provider.app, name="provider")
app.add_typer(rule.app, name="rule")
app.command("calibrate")(calibrate.calibrate)
app.command("reassess")(reassess.reassess)
app.command("backtest")(backtest.backtest)
app.command("restored")(restored.restored)
app.command("renew-secrets")(renew.renew_secrets)
app.command("doctor")(doctor.doctor)
