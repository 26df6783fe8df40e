"""The verb for the logins of agent CLIs."""

from __future__ import annotations

from argparse import Namespace

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, GREEN, RED, YELLOW, Cell, Output, TableColumn
from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError, ExitCode, UsageError

_LOGIN = {True: Cell("yes", GREEN), False: Cell("no", RED), None: Cell("?", DIM)}


def accounts(args: Namespace, out: Output) -> ExitCode:
    if (args.action in ("add", "rm")) and not args.name:
        raise UsageError("Name the account.", hint=f"agentdeck accounts {args.action} work")
    if args.action != "add" and (args.agent or args.key or args.place or args.tier):
        raise UsageError("--agent, --key, --folder and --tier go with “add”.")
    if args.action != "rm" and args.login:
        raise UsageError("--login goes with “rm”.")
    if args.action == "ls" and args.name:
        raise UsageError("“ls” takes no name.", hint=f"agentdeck accounts check {args.name}")
    return {"ls": _ls, "add": _add, "check": _check, "rm": _rm}[args.action](args, out)


def _ls(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    found, wrong = deck.accounts.all(), deck.accounts.wrong
    if out.json:
        out.emit("accounts", accounts=[each.to_json() for each in found], wrong=wrong)
        return ExitCode.OK
    if found:
        rows = [
            [
                Cell(each.name, BOLD),
                _LOGIN[each.login],
                Cell(plain(each.used_text) or "not known yet", "" if each.used_text else DIM),
                Cell(each.resets_text),
                Cell(str(each.agents or ""), DIM),
                Cell(plain(each.place), DIM),
            ]
            for each in found
        ]
        heads = [("ACCOUNT", 8), ("LOGIN", 5), ("USED", 10), ("RESETS", 6), ("AGENTS", 6), ("FOLDER, KEY OR TIER", 8)]
        out.table([TableColumn(head, width) for head, width in heads], rows)
    elif not wrong:
        out.narrate("No accounts beside each CLI's usual login. Add one: agentdeck accounts add work --agent claude")
    for name, reason in wrong.items():
        out.complain(f"“{name}” can't be an account: {plain(reason)}.", YELLOW)
    return ExitCode.OK


def _add(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.system.machine.host import run_in_terminal

    deck = open_deck(out, looks=True)
    deck.accounts.add(args.name, args.agent or "", key=args.key or "", tier=args.tier or "", folder=args.place or "")
    argv = deck.accounts.login_command(args.name)
    if argv and deck.accounts.one(args.name).login is not True and run_in_terminal(argv) != 0:
        raise DeckError(f"The login of “{args.name}” did not succeed.", hint=f"agentdeck accounts add {args.name}")
    found = deck.accounts.one(args.name)
    if out.json:
        out.emit("account", **found.to_json())
    else:
        out.narrate(f"{found.name} is an account. Its terms, and whether they let you use it so, are yours to keep.")
    return ExitCode.OK


def _check(args: Namespace, out: Output) -> ExitCode:
    """Ask each CLI itself."""
    from agentdeck.system.machine.host import exit_code_of

    deck = open_deck(out, looks=True)
    named = (
        [deck.accounts.one(args.name)]
        if args.name
        else [each for each in deck.accounts.all() if each.account != "default"]
    )
    told, good = [], True
    for each in named:
        argv = deck.accounts.check_command(each.account)
        login = exit_code_of(argv) == 0 if argv else each.login
        good = good and login is not False
        told.append({**each.to_json(), "login": login})
        if not out.json:
            out.line(f"{out.styled(each.name, BOLD)}  login: {_LOGIN[login].text}  {plain(each.used_text)}".rstrip())
            if login is False:
                out.narrate(
                    f"Log in: agentdeck accounts add {each.account}" if each.way == "login" else f"Set {each.place}."
                )
    if out.json:
        out.emit("accounts", accounts=told, wrong=deck.accounts.wrong)
    return ExitCode.OK if good else ExitCode.FAILED


def _rm(args: Namespace, out: Output) -> ExitCode:
    kept = open_deck(out, looks=True).accounts.remove(args.name, login=args.login)
    if out.json:
        out.emit("account", account=args.name, kept=str(kept) if kept else None)
    elif kept is not None:
        out.narrate(f"“{args.name}” is no account any more. Its login and conversations stay in {plain(str(kept))}.")
    else:
        out.narrate(f"“{args.name}” is no account any more.")
    return ExitCode.OK
