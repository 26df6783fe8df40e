"""Agents on three hosts, of which one dies: the second part of what `make demo` shows.

The hosts are folders of this machine, each with a home, a state and a tmux server of its own.
"""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import psutil

from agentdeck.demo.tour import Tour, check, show_text, show_title

_HOSTS = ("dev1", "dev2", "dev3")


class HostTour(Tour):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def prepare(self) -> None:
        self.repository.mkdir()
        for line in ("git init -q -b main", "git config user.name You", "git config user.email you@example.org"):
            check(self._run(shlex.split(line)).returncode == 0, line)
        (self.repository / "README.md").write_text("# A shop\n")
        for line in ("git add -A", "git commit -q -m Start"):
            check(self._run(shlex.split(line)).returncode == 0, line)
        for name in _HOSTS:
            (self.folder / name / "tmp").mkdir(parents=True)

    def clean_up(self) -> None:
        for name in _HOSTS:
            self.cut_power(name)

    def cut_power(self, name: str) -> None:
        """End all that runs on the host at once."""
        home = str(self.folder / name)
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == home:
                    process.kill()
            except psutil.Error:
                continue

    def go(self) -> None:
        show_title("Three more machines: here they are folders, yours are names that ssh knows")
        for name in _HOSTS:
            label = " --label big" if name == "dev3" else ""
            self.show(f"agentdeck hosts add {name} --folder {self.folder / name}{label} --quiet")
        self.show("agentdeck hosts")
        self.show("agentdeck hosts why --label big")

        def has_work() -> bool:
            return "basket.txt" in self._run(["agentdeck", "diff", "basket"]).stdout

        show_title("An agent on each; they are listed and read as if they were here")
        work = 'echo $AGENTDECK_AGENT > $AGENTDECK_AGENT.txt; git add .; git commit -qm "Add $AGENTDECK_AGENT"; '
        for name, host in (("basket", "dev1"), ("search", "dev2")):
            self.show(f"agentdeck run -q -d --on {host} -n {name} -- sh -c {shlex.quote(work + 'exec sleep 600')}")
        self.show(f"agentdeck run -q -d --on any --label big -n invoices -- sh -c {shlex.quote(work)}")
        self.until("invoices is done", lambda: self.state("invoices") == "done")
        self.until("basket has committed", has_work)
        self.show("agentdeck ls")
        self.show("agentdeck diff basket --stat")

        show_title("Its work comes home and lands here")
        self.show("agentdeck merge invoices --remove")
        check((self.repository / "invoices.txt").exists(), "the work of invoices did not land")

        show_title("dev1 dies; its agent goes on elsewhere, from the last copy of its work")
        self.cut_power("dev1")
        self.show("agentdeck hosts lose dev1")
        view = self.ask("show", "basket")
        check(view["host"] != "dev1" and view["epoch"] == 2, "basket did not start again elsewhere")
        self.until("basket has its work again", has_work)

        show_title("dev1 is back after all: what it still has is stopped and kept beside the new version")
        self.show("agentdeck hosts check dev1")
        self.show("git for-each-ref --format=%(refname) refs/agentdeck/fleet")
        self.show("agentdeck stop --all --quiet")
        self.show("agentdeck rm basket search --quiet")
        check(self.ask("ls")["agents"] == [], "an agent was left")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agentdeck-demo-", ignore_cleanup_errors=True) as folder:
        tour = HostTour(Path(folder))
        try:
            tour.prepare()
            tour.go()
        finally:
            tour.clean_up()
    show_text("\nShown: agents on three hosts, landed at home; a host that died, whose agent went on elsewhere.")


if __name__ == "__main__":
    main()
