#!/usr/bin/env python3
"""Membership in PostgreSQL roles, for the `exec` target of oncall-sync.

  postgres_roles.py [--map FILE] [--allow ROLE]... [--terminate] [CONNINFO]

Needs Python 3.9 and psycopg 3: pip install "psycopg[binary]", or Debian's python3-psycopg. CONNINFO is libpq's, such as
"host=db.example.com dbname=postgres user=oncall_sync"; what it leaves out comes from PGHOST, PGPASSWORD, PGSSLMODE and so on. A
password in CONNINFO is refused, for a process list shows it.

An entitlement is a role's exact name. A person's own role is the one whose comment is the e-mail address, or has it in
angle brackets: COMMENT ON ROLE ada IS 'Ada Lovelace <ada@example.com>' (so whoever may write comments says who is who).
With --map, FILE says it instead: an address and the name of a role a line; # begins a comment. A role that cannot log in, or
whose VALID UNTIL is past, counts as suspended.

Least rights: a role that nobody else uses, no superuser, and for each role to be given: GRANT oncall_rw TO oncall_sync
WITH ADMIN OPTION. A role by which one becomes superuser is refused unless --allow names it.

Tenure: standing, by the next run. From PostgreSQL 16 on each grantor's grant is a row of its own, and ours alone is taken
back. Up to 15 a member has one row with its first grantor: somebody else's is left alone, but what they give while ours
stands is not recorded by the server, and goes with ours.

Inherited rights end at once; a session that did SET ROLE keeps them. --terminate ends the person's sessions unless
they have the role in another way; it needs GRANT pg_signal_backend TO oncall_sync.
"""

import argparse
import difflib
import json
import os
import re
import sys

try:
    import psycopg
    from psycopg import sql
except ImportError:
    sys.exit(f"this command needs psycopg 3, which {sys.executable} lacks: pip install 'psycopg[binary]'")

# What libpq goes by unless it is told otherwise; ten seconds, for a whole call has half a minute unless configured.
DEFAULTS = {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "oncall-sync"}

# With these, the server's programs and files are open, and so is the way to superuser (PostgreSQL, predefined roles).
AS_SUPERUSER = ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"]

# Another changed the same rows, a deadlock, a server that is going down, too many sessions: over in a moment.
PASSING = {"40001", "40P01", "57P01", "57P02", "57P03", "53300"}

# "try again soon" (EX_TEMPFAIL of sysexits.h)
AGAIN = 75


class Refused(Exception):
    """Why the call failed, in a sentence, and what the answer holds beside it."""

    def __init__(self, message, **beside):
        super().__init__(message)
        self.beside = beside


class Roles:
    """The roles of one server, inside one transaction."""

    def __init__(self, connection, options):
        self.connection = connection
        self.options = options
        self.ask("SET search_path = pg_catalog")
        self.version = connection.info.server_version
        (self.me, self.my_name, self.superuser, self.creates), = self.ask(
            "SELECT oid, rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )

    def ask(self, query, *values):
        # Without values nothing is put in, so that a % in a name stays what it is.
        cursor = self.connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []

    def name(self, oid):
        """The name that a role has now; None where it is gone."""
        found = self.ask("SELECT rolname FROM pg_roles WHERE oid = %s", oid)
        return found[0][0] if found else None

    def rows(self, roles):
        """The memberships that let the member use one of the roles: (role, member, grantor), by oid."""
        # From 16 on a row may give the right to pass a role on, and no use of it.
        use = "inherit_option OR set_option" if self.version >= 160000 else "true"
        return self.ask(
            f"SELECT roleid, member, grantor FROM pg_auth_members WHERE roleid = ANY(%s) AND ({use}) ORDER BY 1, 2, 3",
            list(roles),
        )

    def may_give(self, role):
        """Whether we may, by a grant whose grantor is ourselves."""
        if self.version >= 160000:
            own = "SELECT 1 FROM pg_auth_members WHERE roleid = %s AND member = %s AND admin_option"
            return self.me == 10 or bool(self.ask(own, role, self.me))  # 10: who made the cluster, and needs none
        (is_superuser, administers), = self.ask(
            "SELECT rolsuper, pg_has_role(%s::oid, oid, 'MEMBER WITH ADMIN OPTION') FROM pg_roles WHERE oid = %s",
            self.me, role,
        )
        return self.superuser or administers or (self.creates and not is_superuser)

    def makes_superuser(self, role):
        """By which role a member of this one becomes superuser; None if by none."""
        mighty = "rolsuper OR rolname = ANY(%s)" + (" OR rolcreaterole" if self.version < 160000 else "")
        found = self.ask(
            f"SELECT rolname FROM pg_roles WHERE ({mighty}) AND (oid = %s OR pg_has_role(%s::oid, oid, 'MEMBER'))"
            " ORDER BY oid <> %s, rolname",
            AS_SUPERUSER, role, role, role,
        )
        return found[0][0] if found else None

    def check(self, role, name):
        """Refuses a role that must not be given, or not by us."""
        mighty = None if name in self.options.allow else self.makes_superuser(role)
        if mighty:
            through = "" if mighty == name else f" through '{mighty}'"
            raise Refused(f"with role '{name}' one becomes superuser{through}: it is given only with --allow {name}")
        if self.options.terminate and not self.ask("SELECT 1 WHERE pg_has_role('pg_signal_backend', 'USAGE')"):
            raise Refused(f"--terminate needs GRANT pg_signal_backend TO {self.my_name}")
        if not self.may_give(role):
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(ident(name), ident(self.my_name))
            raise Refused(
                f"'{self.my_name}' may not give role '{name}': let its owner run {grant.as_string(self.connection)}"
            )


def ident(name):
    return sql.Identifier(name)


def describe(roles, request):
    return {"version": 1, "tenure": "standing", "concurrency": 1}


def addresses(comment):
    """The address that a comment is, or has in angle brackets."""
    found = re.fullmatch(r"[^<>]*<([^<>\s]+)>[^<>]*|\s*([^<>\s]+)\s*", comment or "")
    return [found[1] or found[2]] if found else []


def mapped(path):
    """The roles of each address, by a file of two columns."""
    people = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2:
                raise Refused(f"{path}, line {number}: expected an e-mail address and the name of a role")
            people.setdefault(words[0].lower(), []).append(words[1].strip())
    return people


def accounts(roles, emails):
    known = roles.ask(
        "SELECT oid, rolname, NOT rolcanlogin OR rolconnlimit = 0 OR coalesce(rolvaliduntil <= now(), false),"
        " shobj_description(oid, 'pg_authid') FROM pg_roles ORDER BY rolname"
    )
    people = mapped(roles.options.map) if roles.options.map else None
    found = {}
    for email in emails:
        address = email.lower()
        for oid, name, suspended, comment in known:
            theirs = name in people.get(address, []) if people is not None else (
                address in [other.lower() for other in addresses(comment)]
            )
            if theirs:
                # Each account once, whichever of its addresses are asked for.
                found.setdefault(oid, {"id": str(oid), "email": email, "suspended": suspended})
    return list(found.values())


def resolved(roles, spelling, known):
    if spelling not in known:
        folded = {}
        for name in known:
            folded.setdefault(name.lower(), []).append(name)
        near = [name for like in difflib.get_close_matches(spelling.lower(), folded, 3, 0.75) for name in folded[like]]
        hint = "; is " + " or ".join(f"'{name}'" for name in near[:3]) + " meant?" if near else ""
        return {"error": f"there is no role '{spelling}'{hint}"}
    try:
        roles.check(known[spelling], spelling)
    except Refused as refused:
        return {"error": str(refused)}
    return {"found": [{"id": str(known[spelling]), "name": spelling}]}


def read(roles, request):
    known = dict(roles.ask("SELECT rolname, oid FROM pg_roles"))
    entitlements = {spelling: resolved(roles, spelling, known) for spelling in request["entitlements"]}
    shown = {int(one["id"]) for answer in entitlements.values() for one in answer.get("found", [])}
    shown |= {oid_of(owned["entitlement"]["id"]) for owned in request["owned"]}
    names = {oid: name for name, oid in known.items()}
    return {
        "accounts": accounts(roles, request["emails"]),
        "entitlements": entitlements,
        "grants": [
            {
                "id": f"{role}/{member}/{grantor}",
                "account": str(member),
                "entitlement": {"id": str(role), "name": names[role]},
                "foreign": grantor != roles.me,
            }
            for role, member, grantor in roles.rows(shown)
            if role in names
        ],
    }


def oid_of(text):
    """The oid in an id of ours."""
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,10}", text):
        raise Refused(f"{json.dumps(text)} is no id of this command")
    return int(text)


def grant(roles, request):
    wanted = request["grant"]
    role, member = oid_of(wanted["entitlement"]["id"]), oid_of(wanted["account"])
    role_name, member_name = roles.name(role), roles.name(member)
    if role_name is None:
        raise Refused(f"the role '{wanted['entitlement']['name']}' (oid {role}) is no more")
    if member_name is None:
        raise Refused(f"the role of {wanted.get('email', 'this person')} (oid {member}) is no more")
    roles.check(role, role_name)
    # By ourselves in so many words: else the server would take any grantor whose rights we have.
    by = sql.SQL(" GRANTED BY CURRENT_USER" if roles.version >= 160000 else "")
    roles.ask(sql.SQL("GRANT {} TO {}").format(ident(role_name), ident(member_name)) + by)
    grantors = [row[2] for row in roles.rows([role]) if row[1] == member]
    if roles.me in grantors:
        return {"id": f"{role}/{member}/{roles.me}"}
    if not grantors:
        raise Refused(f"the server gave '{role_name}' to '{member_name}' without an error, and they do not have it")
    other = roles.name(grantors[0]) or f"a role that is no more (oid {grantors[0]})"
    raise Refused(f"'{member_name}' has '{role_name}' already, given by {other}", occupied=True)


def revoke(roles, request):
    ids = str(request["id"]).split("/")
    if len(ids) != 3:
        raise Refused(f"{json.dumps(request['id'])} is no id of this command")
    row = tuple(oid_of(part) for part in ids)
    role_name, member_name, grantor_name = map(roles.name, row)
    # A row of another grantor is not ours, though it is for the same role and member.
    if role_name and member_name and row in roles.rows([row[0]]):
        by = sql.SQL(" GRANTED BY {}").format(ident(grantor_name)) if roles.version >= 160000 else sql.SQL("")
        roles.ask(sql.SQL("REVOKE {} FROM {}").format(ident(role_name), ident(member_name)) + by)
        if row in roles.rows([row[0]]):
            raise Refused(f"the server took '{role_name}' from '{member_name}' without an error, and they still have it")
    if roles.options.terminate and role_name and member_name:
        roles.connection.commit()
        # Two questions of one statement, for a session may end between them.
        roles.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usesysid = %s AND pid <> pg_backend_pid() AND NOT pg_has_role(%s::oid, %s::oid, 'MEMBER')",
            row[1], row[1], row[0],
        )
    return {}


VERBS = {"describe": describe, "read": read, "grant": grant, "revoke": revoke}


def options():
    parser = argparse.ArgumentParser(description="Membership in PostgreSQL roles, by the exec protocol of oncall-sync.")
    parser.add_argument("--map", metavar="FILE", help="e-mail addresses and their roles, two columns")
    parser.add_argument("--allow", metavar="ROLE", action="append", default=[], help="give it though it makes superusers")
    parser.add_argument("--terminate", action="store_true", help="end the sessions of whom a role is taken from")
    parser.add_argument("conninfo", nargs="?", default="", help="where the server is, as libpq writes it")
    return parser.parse_args()


def answer(chosen, request):
    if request.get("version") != 1:
        raise Refused(f"this command speaks version 1 of the protocol, and was asked in {request.get('version')!r}")
    verb = VERBS.get(request.get("verb"))
    if verb is None:
        raise Refused(f"this command knows {', '.join(VERBS)}, and was asked to {request.get('verb')!r}")
    if verb is describe:
        return describe(None, request)
    if "password" in psycopg.conninfo.conninfo_to_dict(chosen.conninfo):
        raise Refused("a password on the command line is seen by everybody on this machine: use PGPASSWORD or PGPASSFILE")
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    with psycopg.connect(chosen.conninfo) as connection:
        return verb(Roles(connection, chosen), request)


def passing(error):
    """Whether the same call may well succeed in a moment."""
    # A server that says no has the word FATAL; one that cannot be reached says nothing.
    unreachable = isinstance(error, psycopg.OperationalError) and not error.sqlstate and "FATAL" not in str(error)
    together = error.sqlstate == "XX000" and "concurrently" in str(error)
    return unreachable or together or error.sqlstate in PASSING


def main():
    chosen = options()
    try:
        request = json.load(sys.stdin.buffer)
        said = answer(chosen, request)
    except Refused as refused:
        said = {"error": str(refused), **refused.beside}
    except json.JSONDecodeError as error:
        said = {"error": f"the request is not JSON: {error}"}
    except KeyError as error:
        said = {"error": f"the request lacks {error}"}
    except OSError as error:
        said = {"error": str(error)}
    except psycopg.Error as error:
        said = {"error": " ".join(str(error).split())}
        if passing(error):
            print(said["error"], file=sys.stderr)
            return AGAIN
    print(json.dumps(said))
    return 1 if "error" in said else 0


if __name__ == "__main__":
    sys.exit(main())
