"""`evenkeel reassess`: every case of an organization judged anew by the rules as they are now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from service.cli.database import reachable
from service.cli.ending import wait_for
from service.cli.jobs import CORES, JobName, OrganizationName, Processes, Told, done, find, interrupted, show
from service.domain.job import Job, JobKind
from service.settings import Settings, read_settings


def reassess(
    organization: OrganizationName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    processes: Processes = CORES,
    name: JobName = None,
) -> None:
    """Judge every case anew and bring its alerts in line.

    Interrupted, the same command goes on where it stopped.
    """
    with reachable(read_settings()) as settings:
        told = wait_for(_done(settings, organization, dry_run, processes, name))
    show(told)
    changed = told[1].alerts_changed
    typer.echo(f"{changed} alerts would change" if dry_run else f"{changed} alerts changed")


async def _done(settings: Settings, organization: str, dry_run: bool, processes: int, name: str | None) -> Told:
    organization_id, asked = await find(settings, organization), {"dry_run": dry_run}
    name = name or await interrupted(settings, organization_id, JobKind.reassessment, asked)
    job = Job(kind=JobKind.reassessment, id=name, asked=asked, created_at=datetime.now(UTC))
    return await done(settings, organization_id, job, processes)
